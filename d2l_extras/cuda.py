"""The NVIDIA GPUs of this machine, and the CUDA libraries that MXNet needs.

MXNet 1.9.1 was built for CUDA 11, which no present-day machine has installed.
NVIDIA's packages on PyPI carry its libraries; the driver, libcuda.so.1, comes
with the machine and runs programs built for older CUDA versions too.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

# Within CUDA 11 newer libraries run older programs, and cuDNN 8 likewise.
PACKAGES = (
    "nvidia-cublas-cu11==11.11.3.6",
    "nvidia-cuda-nvrtc-cu11==11.8.89",
    "nvidia-cuda-runtime-cu11==11.8.89",
    "nvidia-cudnn-cu11==8.9.6.50",
    "nvidia-cufft-cu11==10.9.0.58",
    "nvidia-curand-cu11==10.3.0.86",
    "nvidia-cusolver-cu11==11.4.1.48",
    "nvidia-cusparse-cu11==11.7.5.86",
    "nvidia-nccl-cu11==2.21.5",
    "nvidia-nvtx-cu11==11.8.86",
)
# In the order in which they need each other.
LIBRARIES = (
    "libcudart.so.11.0", "libcublasLt.so.11", "libcublas.so.11",
    "libnvrtc.so.11.2", "libcusparse.so.11", "libcusolver.so.11",
    "libcufft.so.10", "libcurand.so.10", "libnccl.so.2",
    "libnvToolsExt.so.1", "libcudnn.so.8",
)  # fmt: skip
DRIVER = "libcuda.so.1"
# Apart from other packages: those of CUDA 12 hold files of the same names.
FOLDER = Path(sys.prefix, "share", "d2l-extras", "cuda11")


def num_gpus(driver: str = DRIVER) -> int:
    """Return how many GPUs the NVIDIA driver finds; 0 without a driver."""
    count = ctypes.c_int(0)
    try:
        cuda = ctypes.CDLL(driver)
        failed = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else count.value


def load_libraries(folder: Path = FOLDER) -> list[Path]:
    """Load the CUDA 11 libraries below `folder`, and return their paths.

    An import of mxnet-cu112 then finds them, whatever CUDA the machine has.
    Without the folder nothing is loaded.
    """
    paths = [
        path
        for library in LIBRARIES
        for path in folder.glob(f"nvidia/*/lib/{library}")
    ]
    for path in paths:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    return paths
