"""The image builder: what it refuses, what an image holds, and that the same input gives the same bytes."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("HEARTH_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.environ.get("HEARTH_BIN_DIR") or os.path.join(SOURCE, "build/bin")
BUILDER = os.path.join(SOURCE, "initramfs/hearth-mkinitramfs")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
RELEASE = "9.9.9-test"


class Builder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="hearth-mkinitramfs.")
        # A kernel without any module: what the default list asks for is simply not there.
        cls.modules = os.path.join(cls.dir, "lib/modules", RELEASE)
        os.makedirs(cls.modules)
        for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            with open(os.path.join(cls.modules, name), "w", encoding="ascii"):
                pass
        subprocess.run(["depmod", "-b", cls.dir, RELEASE], env={**os.environ, "PATH": PATH}, check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def build(self, *options, output="image", tmpdir=None, modules=True, ignition=True):
        argv = [BUILDER, "--output", os.path.join(self.dir, output)]
        argv += ["--kernel-modules", self.modules] if modules else []
        argv += ["--ignition", os.path.join(PROGRAMS, "ignition")] if ignition else []
        env = {**os.environ, "TMPDIR": tmpdir or self.dir}
        return subprocess.run([*argv, *options], env=env, capture_output=True, text=True, check=False)

    def refused(self, words, *options, **how):
        """The builder fails, says why, and leaves neither an image nor parts of one."""
        before = sorted(os.listdir(self.dir))
        done = self.build(*options, **how)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(words, done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def unpack(self, name):
        root = os.path.join(self.dir, name + ".root")
        os.mkdir(root)
        with open(os.path.join(self.dir, name), "rb") as image:
            subprocess.run(["cpio", "--quiet", "-i", "--no-absolute-filenames"], stdin=image, cwd=root, check=True)
        return root

    def test_refusals(self):
        self.refused("unknown option --bogus", "--bogus=1")
        self.refused("--module needs a value", "--module")
        self.refused('unexpected argument "stray"', "stray")
        self.refused('unknown compression "rar"', "--compress=rar")
        self.refused("no kernel modules in /nonexistent/lib/modules/1", "--kernel-modules=/nonexistent/lib/modules/1", modules=False)
        self.refused(f"kernel {RELEASE} has no module btrfs", "--module", "btrfs")
        self.refused("/nonexistent is not a program", "--ignition=/nonexistent", ignition=False)
        self.refused("library libnone.so.1 is not installed", "--library=libnone.so.1")
        self.refused("--program: no-such-program is not installed", "--program=no-such-program")

    def test_failure_keeps_the_old_image(self):
        path = os.path.join(self.dir, "old")
        with open(path, "w", encoding="ascii") as f:
            f.write("precious")
        self.refused("has no module", "--module=btrfs", output="old")
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), "precious")

    def test_contents(self):
        extra = os.path.join(self.dir, "extra")
        with open(extra, "w", encoding="ascii") as f:
            f.write("{}")
        os.chmod(extra, 0o640)
        done = self.build("--compress=none", f"--add-file={extra}:/usr/lib/ignition/user.ign", output="plain")
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, r"plain: [\d.]+ MiB \([\d.]+ MiB unpacked; .*kernel " + re.escape(RELEASE))
        root = self.unpack("plain")
        for name in ("init", "usr/bin/ignition", "usr/bin/sh", "usr/lib/hearth/udhcpc", "usr/bin/switch_root", "usr/bin/udhcpc",
                     "usr/lib/systemd/systemd-udevd", "usr/lib/udev/rules.d/60-persistent-storage.rules", "etc/initrd-release"):
            self.assertTrue(os.path.lexists(os.path.join(root, name)), name)
        self.assertEqual(os.stat(os.path.join(root, "usr/lib/ignition/user.ign")).st_mode & 0o7777, 0o640)
        self.assertTrue(os.access(os.path.join(root, "init"), os.X_OK))
        # Tools that busybox would only pretend to be must be the real ones or absent.
        for name in ("mkswap", "mkfs.ext4", "mount", "modprobe"):
            path = next((p for p in (os.path.join(root, d, name) for d in ("usr/sbin", "usr/bin")) if os.path.lexists(p)), None)
            if path:
                self.assertNotIn("busybox", os.path.realpath(path))
        self.assert_closed(root)

    def assert_closed(self, root):
        """Every library that a program or library of the image names is in the image, libcurl included."""
        have, need = set(), {"libcurl.so.4": "ignition (at run time)"}
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as f:
                    if f.read(4) != b"\x7fELF":
                        continue
                have.add(name)
                out = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=False).stdout
                for library in re.findall(r"\(NEEDED\).*\[(.*)\]", out):
                    need[library] = name
        missing = {library: user for library, user in need.items() if library not in have}
        self.assertFalse(missing)
        self.assertGreater(len(need), 10)

    def test_reproducible(self):
        other = os.path.join(self.dir, "elsewhere")
        os.mkdir(other)
        for name, tmpdir in (("one", None), ("two", other)):
            done = self.build("--compress=none", output=name, tmpdir=tmpdir)
            self.assertEqual(done.returncode, 0, done)
        with open(os.path.join(self.dir, "one"), "rb") as a, open(os.path.join(self.dir, "two"), "rb") as b:
            self.assertEqual(a.read(), b.read())


if __name__ == "__main__":
    missing = [p for p in ("depmod", "cpio", "busybox", "udevadm", "zstd", "readelf") if not shutil.which(p, path=PATH)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        sys.exit(77)
    unittest.main()
