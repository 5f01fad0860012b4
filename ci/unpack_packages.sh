#!/usr/bin/env bash
# Unpacks Debian packages, and what they depend on and the system lacks, into a folder, without
# root and without running their scripts: ci/unpack_packages.sh DIR [PACKAGE]...
#   DIR/debian/       the files of the packages
#   DIR/packages.txt  the names of the packages
#   DIR/environment   makes compilers, tools and libraries in there usable (`. DIR/environment`)
# DIR/debian is replaced as a whole or not at all. Exits with 2 and one line if that fails.
set -eu
prefix=$1
shift
fail() { echo "setup: $*" >&2; exit 2; }
[[ $prefix != *[[:space:]:]* ]] || fail "$prefix: a prefix without blanks and colons is needed; name another"
made=
[ -d "$prefix" ] || made=yes
mkdir -p "$prefix" 2>/dev/null || fail "$prefix: this folder cannot be made; name one that you may write"
prefix=$(realpath "$prefix")
work=$(mktemp -d "$prefix/.unpacking-XXXXXX" 2>/dev/null) ||
  fail "$prefix: nothing can be written there; name a folder that you may write"
clean_up() {
  rm -rf "$work"
  [ -z "$made" ] || rmdir "$prefix" 2>/dev/null || true
}
trap clean_up EXIT
trap 'kill $! 2>/dev/null; exit 2' INT TERM
log=$work/log
final=$prefix/debian  # where the files will be
tree=$work/debian
arch=$(uname -m)-linux-gnu

# Runs a command; if it fails, says in one line what failed and why. In the background, because `set -e`
# does not hold in a function whose failure is asked for.
try() { # WHAT COMMAND...
  local what=$1 why
  shift
  "$@" >>"$log" 2>&1 </dev/null &
  ! wait $! || return 0
  if grep -qsE "No space left on device|enough free space" "$log" || ! { echo >>"$log"; } 2>/dev/null; then
    fail "$prefix: the disk is full while $what, nothing was installed; free some space or name another folder"
  fi
  why=$(grep -E "^(E|W|Err|dpkg[-a-z]*|tar|cp|ln|sed|mv):" "$log" | tail -n 1)
  fail "$prefix: failed while $what, nothing was installed: ${why:-$(tail -n 1 "$log")}"
}

# apt-get with lists, cache and locks of its own.
private_apt() {
  apt-get -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1 \
    -o APT::Sandbox::User="$(id -un)" "$@"
}

# Fails unless so many megabytes are free. Asked before apt-get runs, which never ends when the disk
# fills up while it reads package lists.
need() { # MEGABYTES
  local free
  free=$(df -Pm "$prefix" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] ||
    fail "$prefix: $1 MB are needed, $free MB are free, nothing was installed; free some space or name another folder"
}

# The megabytes that packages take there, downloaded and unpacked, and a tenth for blocks that are not full.
size_of() { # PACKAGE...
  LC_ALL=C private_apt install --assume-no --no-install-recommends "$@" 2>>"$log" </dev/null | awk '
    function megabytes(number, unit) {
      gsub(",", "", number)
      return number * (unit ~ /^G/ ? 1000 : unit ~ /^M/ ? 1 : 0.001)
    }
    /^Need to get / { sum += megabytes($4, $5) }
    /^After this operation, .* will be used/ { sum += megabytes($4, $5) }
    END { printf "%d\n", 1.1 * sum + 1 }'
}

# What apt would install, as .deb files in $work/cache/archives.
download() {
  need 300
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  try "reading the package lists" private_apt update
  need "$(size_of "$@")"
  try "downloading packages" private_apt install --download-only -y --no-install-recommends "$@"
}

# Unpacks all but the C library, which must stay the one that the system's loader belongs to.
unpack() {
  local deb
  for deb in "$work"/cache/archives/*.deb; do
    case $deb in */libc6_* | */libc-bin_*) continue ;; esac
    try "unpacking ${deb##*/}" dpkg-deb -x "$deb" "$tree"
    dpkg-deb -f "$deb" Package >>"$tree/packages.txt"
    rm "$deb"
  done
}

# Makes /bin, /lib and the like links into usr/, as on the system.
merge_usr() {
  local name
  for name in bin sbin lib lib64; do
    if [ -d "$tree/$name" ] && [ ! -L "$tree/$name" ]; then
      mkdir -p "$tree/usr/$name"
      try "merging $name" cp -a --remove-destination "$tree/$name/." "$tree/usr/$name/"
      rm -rf "${tree:?}/$name"
    fi
    ln -sfn "usr/$name" "$tree/$name"
  done
}

# Absolute links lead into the tree where it has their target.
relink() {
  local link target
  find "$tree" -type l -lname '/*' | while read -r link; do
    target=$(readlink "$link")
    [ ! -e "$tree$target" ] || ln -sfn "$final$target" "$link"
  done
}

# Libraries of the system that files of the tree may name as their neighbours.
link_system_libraries() {
  local library
  mkdir -p "$tree/usr/lib/$arch"
  for library in /usr/lib/"$arch"/*.so*; do
    [ -L "$tree${library}" ] || [ -e "$tree$library" ] || ln -s "$library" "$tree$library"
  done
}

# The libraries that a script of the linker names.
rewrite_script() { # FILE
  local place
  grep -oE '/(usr/)?lib[^ )]*' "$1" | sort -u | while read -r place; do
    if [ -e "$tree$place" ]; then sed -i -E "s#(^|[ (])$place#\1$final$place#g" "$1"; fi
  done
}

# Texts that name places below /usr: the linker's scripts and pkg-config's files.
rewrite_texts() {
  local file
  find "$tree/usr" -name '*.so' -type f -size -8k | while read -r file; do
    if grep -qsI 'GNU ld script' "$file"; then rewrite_script "$file"; fi
  done
  find "$tree/usr" -name '*.pc' -type f -exec sed -i -E "s#=/usr(/|\$)#=$final/usr\1#" {} +
}

# What packages' scripts would have done: gnuplot by its plain name, with the fonts of the tree.
add_gnuplot() {
  [ -e "$tree/usr/bin/gnuplot-nox" ] || return 0
  cat >"$tree/fonts.conf" <<END
<fontconfig><dir>/usr/share/fonts</dir><dir>$final/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
END
  cat >"$tree/usr/bin/gnuplot" <<END
#!/bin/sh
. $prefix/environment
exec $final/usr/bin/gnuplot-nox "\$@"
END
  chmod +x "$tree/usr/bin/gnuplot"
}

# The libraries' folder of OpenBLAS comes first: the system's BLAS may be the slow reference. A few
# packages (libgloo0) keep theirs in usr/lib itself.
write_environment() {
  local found=$final/usr/lib/$arch:$final/usr/lib
  local libraries=$final/usr/lib/$arch/openblas-openmp:$found
  local headers="-idirafter $final/usr/include/$arch -idirafter $final/usr/include"
  cat >"$work/environment" <<END
# Makes what is unpacked in this folder usable: . $prefix/environment
# Written by 'make setup PREFIX=DIR' of the LCR Suite, whose Makefile reads it.
if [ "\${LCR_PACKAGES:-}" != "$prefix" ]; then
  export LCR_PACKAGES="$prefix"
  export PATH="$final/usr/bin:\$PATH"
  export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
  export CMAKE_PREFIX_PATH="$final/usr\${CMAKE_PREFIX_PATH:+:\$CMAKE_PREFIX_PATH}"
  export PKG_CONFIG_PATH="$final/usr/lib/$arch/pkgconfig:$final/usr/share/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
  export CXXFLAGS="$headers\${CXXFLAGS:+ \$CXXFLAGS}"
  export LDFLAGS="-L$final/usr/lib/$arch -Wl,-rpath-link,$found -Wl,-rpath,$libraries\${LDFLAGS:+ \$LDFLAGS}"
  [ ! -e "$final/fonts.conf" ] || export FONTCONFIG_FILE="$final/fonts.conf"
fi
END
}

# Puts the finished tree in place of the old one.
put_in_place() {
  rm -f "$prefix/environment"
  [ ! -e "$final" ] || mv "$final" "$work/old"
  mv "$tree/packages.txt" "$prefix/packages.txt"
  mv "$tree" "$final"
  mv "$work/environment" "$prefix/environment"
}

echo "setup: unpacking into $prefix:${*:+ $*}"
need 10
mkdir -p "$tree/usr/bin"
[ ! -e "$prefix/packages.txt" ] || cp "$prefix/packages.txt" "$tree/packages.txt"
[ ! -d "$final" ] || try "copying $final" cp -al "$final/." "$tree/"
touch "$tree/packages.txt"
if [ $# -gt 0 ]; then
  download "$@"
  unpack
fi
try "laying out files" merge_usr
try "laying out links" relink
try "linking the system's libraries" link_system_libraries
try "adapting texts" rewrite_texts
try "adding gnuplot" add_gnuplot
try "writing $prefix/environment" write_environment
put_in_place
echo "setup: done, $(du -sh "$final" | cut -f 1) in $prefix"
