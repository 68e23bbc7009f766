"""Find the NVIDIA GPUs of this machine, and load the CUDA libraries for MXNet.

MXNet 1.9.1 was built for CUDA 11, which current machines no longer come with.
NVIDIA's packages on PyPI contain its libraries. The driver, libcuda.so.1, comes
with the machine, and also runs programs built for older versions of CUDA.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

MXNET = "mxnet-cu112==1.9.1"
# Within CUDA 11, newer libraries run older programs. The same is true of cuDNN 8.
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
# In the order of their dependencies.
LIBRARIES = (
    "libcudart.so.11.0", "libcublasLt.so.11", "libcublas.so.11",
    "libnvrtc.so.11.2", "libcusparse.so.11", "libcusolver.so.11",
    "libcufft.so.10", "libcurand.so.10", "libnccl.so.2",
    "libnvToolsExt.so.1", "libcudnn.so.8",
)  # fmt: skip
DRIVER = "libcuda.so.1"
# A separate folder, because the packages of CUDA 12 contain files with the same
# names.
FOLDER = Path(sys.prefix, "share", "d2l-extras", "cuda11")
# The first compute capability that mxnet-cu112 supports, and the first one after
# those. Its wheel contains code for 5.0, 6.0, 7.0, 8.0, and 8.6, which also runs
# on later GPUs of the same generation, but no PTX that could be translated for
# newer generations. Source: the output of cuobjdump. On 9.0, MXNet fails with
# error 209.
SERVED = ((5, 0), (9, 0))
# The two halves of the compute capability, as numbered in the driver's cuda.h.
MAJOR, MINOR = 75, 76


def num_gpus(driver: str = DRIVER) -> int:
    """Return how many GPUs the NVIDIA driver finds, or 0 without a driver."""
    count = ctypes.c_int(0)
    try:
        cuda = ctypes.CDLL(driver)
        failed = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else count.value


def capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU, or None without one."""
    if not num_gpus():
        return None
    functions = ctypes.CDLL(DRIVER)
    device, half, found = ctypes.c_int(0), ctypes.c_int(0), []
    failed = functions.cuDeviceGet(ctypes.byref(device), 0)
    for attribute in MAJOR, MINOR:
        failed = failed or functions.cuDeviceGetAttribute(
            ctypes.byref(half), attribute, device
        )
        found.append(half.value)
    return None if failed else (found[0], found[1])


def check_capability() -> None:
    """Raise RuntimeError if MXNet contains no code for the first GPU."""
    found = capability()
    if found and not SERVED[0] <= found < SERVED[1]:
        raise RuntimeError(
            f"MXNet 1.9.1 does not support this GPU, whose compute capability "
            f"is {found[0]}.{found[1]}. It needs at least "
            f"{SERVED[0][0]}.{SERVED[0][1]} and less than "
            f"{SERVED[1][0]}.{SERVED[1][1]}"
        )


def load_libraries(folder: Path = FOLDER) -> list[Path]:
    """Load the CUDA 11 libraries below `folder`, and return their paths.

    Importing mxnet-cu112 then finds them, whatever version of CUDA the machine
    has. If the folder does not exist, nothing is loaded.
    """
    paths = [
        path
        for library in LIBRARIES
        for path in folder.glob(f"nvidia/*/lib/{library}")
    ]
    for path in paths:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    return paths
