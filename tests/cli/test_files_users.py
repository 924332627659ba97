"""Groups, users and keys that the files stage makes with shadow-utils on a small Debian-like tree."""
import os
import re
import shutil
import subprocess
import unittest

from files_stage import Case, GROUP, HASH, PASSWD, data, listing, main


@unittest.skipUnless(shutil.which("useradd", path="/usr/sbin:/usr/bin"), "no shadow-utils here")
class Passwd(Case):
    CONFIG = {"passwd": {
        "groups": [{"name": "ops", "gid": 1500}, {"name": "sys1", "system": True}, {"name": "docker", "gid": 991},
                   {"name": "daemon2", "shouldExist": False}],
        "users": [{"name": "core", "passwordHash": HASH, "groups": ["sudo", "docker", "ops"], "gecos": "Core",
                   "sshAuthorizedKeys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]},
                  {"name": "svc", "system": True, "noCreateHome": True, "shell": "/usr/sbin/nologin", "uid": 800,
                   "primaryGroup": "ops"},
                  {"name": "daemon", "shell": "/bin/false"},
                  {"name": "gone", "shouldExist": False}]},
        "storage": {"files": [{"path": "/srv/owned", "user": {"name": "core"}, "group": {"name": "ops"}},
                              {"path": "/home/core/.bashrc", "contents": {"source": data("mine")},
                               "user": {"name": "core"}, "group": {"name": "core"}}]}}

    def fields(self, name, key):
        for line in self.read(name).splitlines():
            if line.split(":")[0] == key:
                return line.split(":")
        return None

    def check(self):
        core = self.fields("etc/passwd", "core")
        self.assertEqual(core[4:6], ["Core", "/home/core"])
        self.assertEqual(self.fields("etc/shadow", "core")[1], HASH)
        self.assertEqual(self.fields("etc/shadow", "svc")[1], "*")
        self.assertEqual(self.fields("etc/passwd", "svc")[2:4], ["800", "1500"])
        self.assertEqual(self.fields("etc/passwd", "daemon")[6], "/bin/false")
        self.assertIsNone(self.fields("etc/passwd", "gone"))
        self.assertEqual(self.fields("etc/group", "docker")[2:], ["991", "core"])
        for group in ("sudo", "ops"):
            self.assertIn("core", self.fields("etc/group", group)[3].split(","))
        uid = int(core[2])
        st = os.stat(self.at("srv/owned"))
        self.assertEqual((st.st_uid, st.st_gid), (uid, 1500))
        self.assertEqual(self.read("home/core/.bashrc"), "mine")
        for path, mode in (("home/core/.ssh", 0o700), ("home/core/.ssh/authorized_keys.d", 0o700),
                           ("home/core/.ssh/authorized_keys.d/ignition", 0o600)):
            st = os.stat(self.at(path))
            self.assertEqual((st.st_mode & 0o7777, st.st_uid, st.st_gid), (mode, uid, int(core[3])))
        self.assertEqual(self.read("home/core/.ssh/authorized_keys.d/ignition"),
                         "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n")

    def test_users(self):
        self.put("etc/passwd", PASSWD + "gone:x:1234:1234::/home/gone:/bin/sh\n")
        self.put("etc/group", GROUP + "daemon2:x:77:\n")
        out = self.apply(self.CONFIG)
        self.check()
        self.assertIsNone(self.fields("etc/group", "daemon2"))
        self.assertIn('[finished] creating or modifying user "core"', out)
        self.assertIn("wrote ssh authorized keys file for user: core", out)
        self.assertNotIn(HASH, out)
        before = listing(self.root)
        self.assertNotIn(HASH, self.apply(self.CONFIG))
        self.check()
        self.assertEqual(listing(self.root).keys(), before.keys())

    def test_tools_of_the_target(self):
        """No shadow-utils in PATH: the target's own are run in a chroot."""
        for tool in ("useradd", "usermod", "groupadd", "groupmod", "groupdel", "userdel", "chpasswd", "chgpasswd"):
            source = shutil.which(tool, path="/usr/sbin:/usr/bin")
            wanted = [source] + re.findall(r"(/\S+) \(0x", subprocess.run(
                ["ldd", source], stdout=subprocess.PIPE, text=True, check=True).stdout)
            for path in wanted:
                os.makedirs(os.path.dirname(self.at(path.lstrip("/"))), exist_ok=True)
                shutil.copy(path, self.at(path.lstrip("/")))
        self.apply(self.CONFIG, PATH="/nonexistent")
        self.check()

    def test_no_tools(self):
        done = self.run_stage(self.CONFIG, PATH="/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("groupadd is needed, but neither in PATH nor in", done.stderr)

    def test_home_behind_a_dangling_link(self):
        os.rmdir(self.at("home"))
        os.symlink("var/home", self.at("home"))
        self.apply(self.CONFIG)
        self.check()
        self.assertEqual(os.listdir(self.at("var/home")), ["core"])

    def test_keys_in_one_file(self):
        self.mounts = ["/home/core/data", "/home/corex"]
        for d in self.mounts:
            os.makedirs(self.at(d.lstrip("/")))
        for keys, text in ((["k\n"], "k\n"), (["a\n", "b"], "a\n\nb\n"), (["k"], "k\n")):
            self.apply({"passwd": {"users": [{"name": "core", "sshAuthorizedKeys": keys}]}},
                       IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT="false")
            self.assertEqual(self.read("home/core/.ssh/authorized_keys"), text)
        uid = int(self.fields("etc/passwd", "core")[2])
        st = os.stat(self.at("home/core/data"))
        self.assertEqual((st.st_uid, st.st_mode & 0o7777), (uid, 0o700))
        self.assertEqual(os.stat(self.at("home/corex")).st_uid, 0)
        self.refuse({}, "IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT", IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT="maybe")

    def test_planted_links(self):
        for link in (".ssh", ".ssh/authorized_keys.d", ".ssh/authorized_keys.d/ignition"):
            with self.subTest(link=link):
                self.new_root("root-" + link.replace("/", "-"))
                self.put("etc/passwd", PASSWD + "core:x:1000:1000::/home/core:/bin/sh\n")
                os.makedirs(os.path.dirname(self.at("home/core", link)))
                os.symlink("/etc/passwd" if link.endswith("ignition") else "/etc", self.at("home/core", link))
                before = listing(self.at("etc"), (".ignition-files.journal", ".ignition-result.json"))
                done = self.run_stage({"passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["k"]}]}})
                if link.endswith("ignition"):  # a link in the place of the file is replaced
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(self.read("home/core/" + link), "k\n")
                else:
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("links are not followed", done.stderr)
                after = listing(self.at("etc"), (".ignition-files.journal", ".ignition-result.json"))
                self.assertEqual(after, before)

    def test_users_of_the_image(self):
        """nss-altfiles: accounts in /usr/lib are seen, and copied to /etc when they must change."""
        self.put("usr/lib/passwd", "img:x:500:500:Image:/home/img:/bin/sh\n")
        self.put("usr/lib/group", "img:x:500:\nwheel:x:10:\n")
        self.apply({"passwd": {"groups": [{"name": "wheel", "gid": 11}],
                               "users": [{"name": "img", "gecos": "New", "passwordHash": HASH}]},
                    "storage": {"files": [{"path": "/f", "user": {"name": "img"}, "group": {"name": "wheel"}}]}})
        self.assertEqual(self.fields("etc/passwd", "img")[4], "New")
        self.assertEqual(self.fields("etc/shadow", "img")[1], HASH)
        self.assertEqual(self.fields("etc/group", "wheel")[2], "11")
        st = os.stat(self.at("f"))
        self.assertEqual((st.st_uid, st.st_gid), (500, 11))

    def test_refusals(self):
        for user, words in [({"name": "-rf"}, "cannot be a name"), ({"name": "a:b"}, "cannot be a name"),
                            ({"name": "x", "groups": ["nogroup-here"]}, 'group "nogroup-here"'),
                            ({"name": "x", "gecos": "a\nroot::0:0"}, "gecos"),
                            ({"name": "x", "passwordHash": "a:b"}, "passwordHash"),
                            ({"name": "x", "uid": -1}, "out of range")]:
            with self.subTest(words=words):
                self.refuse({"passwd": {"users": [user]}}, words)


if __name__ == "__main__":
    main()
