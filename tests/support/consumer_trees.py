"""Small trees as LXD, Incus and MAAS have them: their own layout and tags, and real digests.

    tree = LxdTree(work / "lxd")
    tree.add_version("jammy", "amd64", "20240101_0742")
    tree.write()

Changed and written as the trees of stream_tree.py.
"""

import hashlib
import io
import tarfile

from stream_tree import RELEASES, StreamTree, write_manifest, write_random

# Root item -> what its fingerprint is called on the meta item. Each is the digest of both, one after the other.
COMBINED = {
    "squashfs": "combined_squashfs_sha256",
    "disk-kvm.img": "combined_disk-kvm-img_sha256",
    "root.tar.xz": "combined_rootxz_sha256",
}
META = ("lxd.tar.xz", "incus.tar.xz")
ITEM_SIZE = 20000


def write_metadata(path, _size, seed):
    """What LXD and Incus want to know of an image, in the tarball in which they want it."""
    text = f"architecture: x86_64\ncreation_date: 1704067200\nproperties:\n  description: {seed}\n".encode()
    member = tarfile.TarInfo("metadata.yaml")
    member.size = len(text)
    with tarfile.open(path, "w:xz") as archive:
        archive.addfile(member, io.BytesIO(text))


class _ConsumerTree(StreamTree):
    """Of documents that have no default release."""

    @staticmethod
    def _tell_default(document):
        pass

    def _document(self, content_id, datatype):
        return self.documents.setdefault(
            content_id,
            {"content_id": content_id, "datatype": datatype, "format": "products:1.0", "products": {}},
        )


class LxdTree(_ConsumerTree):
    """For both: a container and a virtual machine in each version, with the meta items of LXD and of Incus, and
    from the second version on what differs from the one before."""

    CONTENT_ID = "images"

    @staticmethod
    def product_name(release, arch):
        return f"ubuntu:{release}:{arch}:default"

    def add_version(self, release, arch, serial):
        product = self.product_name(release, arch)
        about = self._document(self.CONTENT_ID, "image-downloads")["products"].setdefault(
            product,
            {
                "aliases": f"ubuntu/{release}/default,ubuntu/{release}",
                "arch": arch,
                "os": "Ubuntu",
                "release": release,
                "release_title": release,
                "requirements": {"secureboot": "false"},
                "supported": True,
                "variant": "default",
                "versions": {},
            },
        )
        before = max(about["versions"], default=None)
        about["versions"][serial] = {"items": {}}
        folder = f"images/ubuntu/{release}/{arch}/default/{serial}"
        roots = {
            ftype: self._add(product, serial, f"{folder}/{name}", ftype, write_random)
            for name, ftype in (
                ("rootfs.squashfs", "squashfs"),
                ("disk.qcow2", "disk-kvm.img"),
                ("rootfs.tar.xz", "root.tar.xz"),
            )
        }
        for name in META:
            meta = self._add(product, serial, f"{folder}/{name}", name, write_metadata)
            for ftype, root in roots.items():
                meta[COMBINED[ftype]] = self._fingerprint(meta, root)
        if before:
            delta = f"{folder}/rootfs.{before}.vcdiff"
            self._add(product, serial, delta, "squashfs.vcdiff", write_random, delta_base=before)
        return product

    def _add(self, product, serial, path, ftype, writer, **tags):
        name = path.rsplit("/", 1)[-1]
        self.add_item(product, serial, name, path, ITEM_SIZE, writer, **{"ftype": ftype, **tags})
        item = self.item(product, serial, name)
        del item["md5"]
        return item

    def _fingerprint(self, *items):
        digest = hashlib.sha256()
        for item in items:
            digest.update((self.root / item["path"]).read_bytes())
        return digest.hexdigest()


class MaasTree(_ConsumerTree):
    """What a MAAS needs to boot machines: a boot loader, kernels with a root file system, and a root file system
    of another kind, in two documents."""

    IMAGES = "com.ubuntu.maas:stable:v3:download"
    BOOTLOADERS = "com.ubuntu.maas:stable:1:bootloader-download"
    LABEL = "stable"

    def add_version(self, release, arch, serial):
        self._add_bootloader(arch, serial)
        self._add_centos(arch, serial)
        about = RELEASES[release]
        kernel = f"ga-{about.version}"
        tags = {
            "kflavor": "generic",
            "krel": release,
            "os": "ubuntu",
            "release": release,
            "release_title": about.title,
            "subarch": kernel,
            "subarches": f"generic,hwe-p,{kernel}",
            "support_eol": about.eol,
            "version": about.version,
        }
        product = f"com.ubuntu.maas.stable:v3:boot:{about.version}:{arch}:{kernel}"
        self._begin_version(self.IMAGES, product, serial, arch=arch, **tags)
        for ftype in ("boot-kernel", "boot-initrd", "squashfs"):
            self._add(product, serial, ftype, f"{release}/{arch}/{serial}/{kernel}/generic/{ftype}")
        manifest = f"{release}/{arch}/{serial}/squashfs.manifest"
        self._add(product, serial, "manifest", manifest, write_manifest)
        return product

    def _add_centos(self, arch, serial):
        tags = {
            "os": "centos",
            "release": "centos8",
            "release_title": "CentOS 8",
            "subarch": "generic",
            "subarches": "generic",
            "version": "8",
        }
        product = f"com.ubuntu.maas.stable:centos-bases:8:{arch}"
        self._begin_version(self.IMAGES, product, serial, arch=arch, **tags)
        folder = f"centos/centos8/{arch}/{serial}"
        self._add(product, serial, "root-tgz", f"{folder}/root-tgz")
        self._add(product, serial, "manifest", f"{folder}/manifest", write_manifest)

    def _add_bootloader(self, arch, serial):
        name = "grub2-signed"
        product = f"com.ubuntu.maas:stable:1:grub-efi-signed:uefi:{arch}"
        tags = {"arches": arch, "bootloader-type": "uefi", "os": "grub-efi-signed"}
        self._begin_version(self.BOOTLOADERS, product, serial, arch=arch, **tags)
        package = {"src_package": name, "src_release": "jammy", "src_version": "1.187.6"}
        path = f"bootloaders/uefi/{arch}/{serial}/{name}.tar.xz"
        self._add(product, serial, name, path, **{"ftype": "archive.tar.xz", **package})

    def _begin_version(self, content_id, product, serial, **tags):
        # Their streams call themselves image-ids, though they hold downloads.
        products = self._document(content_id, "image-ids")["products"]
        products.setdefault(product, {"label": self.LABEL, **tags, "versions": {}})["versions"][serial] = {
            "items": {}
        }

    def _add(self, product, serial, name, path, writer=write_random, **tags):
        self.add_item(product, serial, name, path, ITEM_SIZE, writer, **tags)
