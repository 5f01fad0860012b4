// Fashion-MNIST as a component.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// Fashion-MNIST: from the data directory (`fashion-mnist/`, or torchvision's `FashionMNIST/raw/`),
/// else (without --data-dir) from Debian's package, else fetched into the data directory.
DatasetSpec fashion_mnist_dataset();

}  // namespace lcr
