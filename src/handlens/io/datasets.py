"""Well-known data sets, downloaded once: checked, resumed where it broke off, and unpacked inside one folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from handlens.errors import DownloadError
from handlens.io import paths
from handlens.io.archives import unpack_tar
from handlens.io.download import check_address, download, progress_bar
from handlens.io.home import home_folder
from handlens.io.locks import process_lock
from handlens.io.problems import reporting_disk_errors

_HEAD = 1 << 20


class URLs:
    """Addresses of well-known data sets, most of them fast.ai's: `untar_data(URLs.PETS)`.

    Example:
        >>> URLs.MNIST_TINY
        'https://s3.amazonaws.com/fast-ai-sample/mnist_tiny.tgz'
    """

    _S3 = "https://s3.amazonaws.com/fast-ai-"

    ADULT_SAMPLE = f"{_S3}sample/adult_sample.tgz"
    BIWI_HEAD_POSE = f"{_S3}imagelocal/biwi_head_pose.tgz"
    BIWI_SAMPLE = f"{_S3}sample/biwi_sample.tgz"
    CALTECH_101 = f"{_S3}imageclas/caltech_101.tgz"
    CAMVID = f"{_S3}imagelocal/camvid.tgz"
    CAMVID_TINY = f"{_S3}sample/camvid_tiny.tgz"
    CARS = f"{_S3}imageclas/stanford-cars.tgz"
    CIFAR = f"{_S3}sample/cifar10.tgz"
    CIFAR_100 = f"{_S3}imageclas/cifar100.tgz"
    CUB_200_2011 = f"{_S3}imageclas/CUB_200_2011.tgz"
    DOGS = f"{_S3}sample/dogscats.tgz"
    FLOWERS = f"{_S3}imageclas/oxford-102-flowers.tgz"
    FOOD = f"{_S3}imageclas/food-101.tgz"
    IMAGENETTE = f"{_S3}imageclas/imagenette2.tgz"
    IMAGENETTE_160 = f"{_S3}imageclas/imagenette2-160.tgz"
    IMAGENETTE_320 = f"{_S3}imageclas/imagenette2-320.tgz"
    IMAGEWOOF = f"{_S3}imageclas/imagewoof2.tgz"
    IMAGEWOOF_160 = f"{_S3}imageclas/imagewoof2-160.tgz"
    IMAGEWOOF_320 = f"{_S3}imageclas/imagewoof2-320.tgz"
    MNIST = f"{_S3}imageclas/mnist_png.tgz"
    MNIST_SAMPLE = f"{_S3}sample/mnist_sample.tgz"
    MNIST_TINY = f"{_S3}sample/mnist_tiny.tgz"
    PETS = f"{_S3}imageclas/oxford-iiit-pet.tgz"
    PLANET_SAMPLE = f"{_S3}sample/planet_sample.tgz"
    PLANET_TINY = f"{_S3}sample/planet_tiny.tgz"


# Bytes, and the MD5 of the first MiB: what their publisher tells of them. The rest is covered by gzip's checksum.
KNOWN: dict[str, tuple[int, str]] = {
    URLs.ADULT_SAMPLE: (968212, "64eb9d7e23732de0b138f7372d15492f"),
    URLs.BIWI_HEAD_POSE: (452316199, "00f4ccf66e8cba184bc292fdc08fb237"),
    URLs.BIWI_SAMPLE: (593774, "9179f4c1435f4b291f0d5b072d60c2c9"),
    URLs.CALTECH_101: (131740031, "d673425306e98ee4619fcdeef8a0e876"),
    URLs.CAMVID: (598913237, "648371e4f3a833682afb39b08a3ce2aa"),
    URLs.CAMVID_TINY: (2314212, "2cf6daf91b7a2083ecfa3e9968e9d915"),
    URLs.CARS: (1957803273, "9045d6673c9ced0889f41816f6bf2f9f"),
    URLs.CIFAR: (168168549, "a5f8c31371b63a406b23368042812d3c"),
    URLs.CIFAR_100: (169168619, "e5e65dcb54b9d3913f7b8a9ad6607e62"),
    URLs.CUB_200_2011: (1150585339, "d2acaa99439dff0483c7bbac1bfe2a92"),
    URLs.DOGS: (839285364, "3e483c8d6ef2175e9d395a6027eb92b7"),
    URLs.FLOWERS: (345236087, "5666e01c1311b4c67fcf20d2b3850a88"),
    URLs.FOOD: (5686607260, "1a540ebf1fb40b2bf3f2294234ba7907"),
    URLs.IMAGENETTE: (1557161267, "2c774ecb40005b35d7937d50f5d42336"),
    URLs.IMAGENETTE_160: (99003388, "c475f8f7617a200ba35b9facc48443c3"),
    URLs.IMAGENETTE_320: (341663724, "1f1f74f133caff120e575856659b87a2"),
    URLs.IMAGEWOOF: (1343715595, "2cc1c1e36e20cb6fd24ffb978edcb487"),
    URLs.IMAGEWOOF_160: (92612825, "3559b194123981a540b87132dbda412f"),
    URLs.IMAGEWOOF_320: (328387740, "7a1fd92672a559a85de76e4810a20c21"),
    URLs.MNIST: (15683414, "03639f83c4e3d19e0a3a53a8a997c487"),
    URLs.MNIST_SAMPLE: (3214948, "2dbc7ec6f9259b583af0072c55816a88"),
    URLs.MNIST_TINY: (342207, "56143e8f24db90d925d82a5a74141875"),
    URLs.PETS: (811706944, "e4db5c768afd933bb91f5f594d7417a4"),
    URLs.PLANET_SAMPLE: (15523994, "8bfb174b3162f07fbde09b54555bdb00"),
    URLs.PLANET_TINY: (997569, "490873c5683454d4b2611fb1f00a68a9"),
}


def datasets_folder() -> Path:
    """Where data sets are kept: the folder datasets/ in `handlens.io.home.home_folder()`."""
    return paths.Path(home_folder()) / "datasets"


def untar_data(url: str, *, folder: Path | str | None = None, sha256: str | None = None) -> Path:
    """The folder of a data set, downloaded and unpacked if it is not there yet; made whole or not at all.

    A download that breaks off is taken up where it ended, by the next call too. An archive that was put into the
    folder by hand is used instead of a download.

    Args:
        url: the address of a tar archive, compressed or not, http or https: one of `URLs`, or any other.
        folder: where data sets are kept; `datasets_folder()` unless given.
        sha256: of the archive, in hexadecimal, to be checked. Of those in `URLs` size and a hash are known already.

    Raises:
        DownloadError: no network, refused, not the file it should be, or an archive that is damaged, has links,
            devices, or files outside its folder, or would unpack to over 100 times its size (and 256 MB).
        StorageError: the disk refused.

    Example:
        >>> (Path("sets") / "oxford-iiit-pet").mkdir(parents=True)  # a data set that is there already
        >>> untar_data(URLs.PETS, folder="sets").name
        'oxford-iiit-pet'
    """
    name = _archive_name(url)
    home = paths.Path(folder).absolute() if folder is not None else datasets_folder()
    archive, target = home / name, home / re.sub(r"\.(tgz|tar|tar\.\w+)$", "", name)
    if target.is_dir():
        return target
    refused = reporting_disk_errors(f"the data set {target}", "Make room there, or give folder=….")
    with refused, process_lock(home / f".{name}.lock"):
        if target.is_dir():  # another process was working on it
            return target
        if not archive.is_file():
            advice = f"Without a network, put the archive at {archive}, or its content at {target}."
            with progress_bar(name) as progress:
                download(url, archive, advice=advice, progress=progress)
        _check(url, archive, sha256)
        unpack_tar(archive, target)
        archive.unlink()
    return target


def _archive_name(url: str) -> str:
    check_address(url)
    name = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    if not re.fullmatch(r"\w[\w.-]*\.(tgz|tar|tar\.(gz|bz2|xz))", name):
        raise DownloadError(f"url must be the address of a tar archive, such as …/pets.tgz; {url!r} arrived.")
    return name


def _check(url: str, archive: Path, sha256: str | None) -> None:
    """Refuse, and remove, an archive that is not the one it should be."""
    wrong = ""
    if url in KNOWN:
        size, md5 = KNOWN[url]
        with archive.open("rb") as file:
            head = hashlib.md5(file.read(_HEAD), usedforsecurity=False).hexdigest()
        found = archive.stat().st_size
        if (found, head) != (size, md5):
            wrong = f"it should have {size:,} bytes and a first MiB of MD5 {md5}; it has {found:,} and {head}"
    if sha256 is not None and not wrong:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256.lower():
            wrong = f"its SHA-256 should be {sha256.lower()}; it is {digest}"
    if wrong:
        archive.unlink()
        raise DownloadError(f"{archive} is not the data set of {url}: {wrong}. It was removed. Download it again.")
