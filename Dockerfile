# The suite on Debian 12 for the CPU: docker build -t lcr-suite . (docs/install.md says how to run it.)
# BASE: another image of Debian 12, for example a local mirror's.
ARG BASE=debian:12

# What the build needs.
FROM ${BASE} AS tools
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git make
WORKDIR /src
COPY Makefile ./
COPY ci/setup.sh ci/unpack_packages.sh ci/packages-debian.txt ci/packages-lint.txt ci/
RUN make setup

# .devcontainer/ uses it: the tools of `make lint` too, and an ordinary user.
FROM tools AS development
RUN ci/setup.sh packages-lint.txt && useradd --create-home --uid 1000 --shell /bin/bash lcr
USER lcr

FROM tools AS build
COPY . .
RUN make package

# docker build --target test . runs the tests, as an ordinary user.
FROM build AS test
RUN useradd --create-home lcr && chown -R lcr: /src
USER lcr
RUN make test

# The programs with their libraries, and what they call: gnuplot, and certificates for downloads.
FROM ${BASE}
RUN --mount=type=bind,from=build,source=/src/build/packages,target=/packages \
    apt-get update && apt-get install -y --no-install-recommends ca-certificates gnuplot-nox \
    && dpkg -i /packages/*.deb && apt-get clean && rm -rf /var/lib/apt/lists/*
# runs/ and results/ go to /work, data sets to /data: mount folders of the caller there, and run as the caller.
RUN mkdir -m 1777 /work /data
ENV LCR_DATA=/data HOME=/tmp
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["lcr"]
CMD ["--help"]
