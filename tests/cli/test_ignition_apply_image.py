"""ignition-apply where images are built: interrupted, without rights, in a root of its own."""
import gzip
import os
import random
import shutil
import subprocess
import time

from apply_case import APPLY, NOTES, HOST, NOBODY, FILE, last, Apply, Tree
from files_stage import DEADLINE, UNITS, data, listing, main


class Interrupted(Tree):
    def test_killed(self):
        """At random instants of its writing; the next run ends as if nothing had happened."""
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 90000), "/tail": b"tail\n"})
        sections = self.everything(url)
        sections["storage"]["files"] += [{"path": f"/m/{i}", "contents": {"source": data(f"{i}\n" * 3000)}}
                                         for i in range(80)]
        config = self.config(**sections)
        self.fill()
        self.good(config)
        want = listing(self.root, ())
        seed = int(os.environ.get("HEARTH_TEST_SEED", "1"))
        print(f"HEARTH_TEST_SEED={seed}", flush=True)
        rng = random.Random(seed)
        halfway, longest = 0, 0.05
        for i in range(200):
            self.new_root(f"killed-{i}")
            self.fill()
            child = subprocess.Popen([APPLY, "--root", self.root, config], env={"container": "x"},
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not os.path.exists(self.at(NOTES)) and child.poll() is None:
                time.sleep(0.0005)
            time.sleep(rng.random() * longest)
            child.kill()
            child.wait()
            if os.path.exists(self.at(NOTES)):
                halfway += 1
                self.good(config)
            else:  # after its end, or what was its end but for leaving
                longest *= 0.8
            self.assertEqual(listing(self.root, ()), want)
            shutil.rmtree(self.root)
            if halfway == 12:
                break
        self.assertEqual(halfway, 12)

    def test_full(self):
        """What a failed run made is ours, also for a corrected config; the notes go with the run that succeeds."""
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("log", "x")
        adds = {"path": "/log", "append": [{"source": data("y")}]}
        big = {"path": "/small/z", "contents": {"source": data(os.urandom(200_000))}}
        done = self.run_apply("--root", self.root, self.config(storage={"files": [FILE, adds, big]}))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last(done), "^CRITICAL : failed to apply: running stage 'files': .*/small/z.*No space left on")
        self.assertTrue(os.path.exists(self.at(NOTES)))
        self.assertEqual(os.stat(self.at(NOTES)).st_mode & 0o777, 0o600)
        self.good(self.config(storage={"files": [FILE, adds]}))
        self.assertEqual((self.read("opt/a"), self.read("log")), ("a", "xy"))
        self.assertEqual(os.listdir(self.at("small")), [])


    def test_notes_outlive_other_configs(self):
        """What a failed run appended is known until a run succeeds, also when another config fails in between."""
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("log", "x")
        adds = {"path": "/log", "append": [{"source": data("y")}]}
        big = {"path": "/small/big/z", "contents": {"source": data(os.urandom(200_000))}}
        for files in [adds, big], [big]:
            done = self.run_apply("--root", self.root, self.config(storage={"files": files}))
            self.assertEqual(done.returncode, 1)
            self.assertRegex(last(done), "No space left on device$")
        self.assertEqual(self.read("log"), "xy")
        self.good(self.config(storage={"files": [adds]}))
        self.assertEqual(self.read("log"), "xy")
        # With nothing but an append in them, they go as well.
        self.put("small/log", "x")
        done = self.run_apply("--root", self.root, self.config(storage={"files": [
            {"path": "/small/log", "append": [{"source": data(os.urandom(200_000))}]}]}))
        self.assertTrue(os.path.exists(self.at(NOTES)), done.stdout)
        self.good(self.config())


class Unprivileged(Apply):
    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o755)
        self.program = shutil.copy(APPLY, self.dir)  # the build may be where nobody may look
        for folder, dirs, files in os.walk(self.root):
            for name in [".", *dirs, *files]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        self.umask = os.umask(0o022)  # the configs are read by nobody
        self.addCleanup(os.umask, self.umask)

    def as_nobody(self):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    def rootless(self, *more):
        """Root of a user namespace in which nothing else is mapped, as in a container that a user builds."""
        under = ["unshare", "-Ur", *more]
        if subprocess.run([*under, "true"], preexec_fn=self.as_nobody, stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no user namespaces for users here")
        return {"under": under, "preexec_fn": self.as_nobody}

    SECTIONS = {"storage": {"files": [FILE, {"path": "/o", "user": {"id": 0}, "group": {"name": "root"}, "mode": 0o750}],
                            "directories": [{"path": "/d", "user": {"name": "root"}}],
                            "links": [{"path": "/l", "target": "d", "user": {"id": 0}}]},
                "systemd": UNITS["systemd"]}

    def test_root_of_a_namespace(self):
        kw = self.rootless()
        self.good(self.config(**self.SECTIONS), **kw)
        self.assertEqual({v[1] for v in listing(self.root, ()).values()}, {NOBODY})
        self.assertEqual(os.stat(self.at("o")).st_mode & 0o777, 0o750)
        self.assertEqual(self.read("etc/systemd/system-preset/20-ignition.preset").splitlines()[0], "enable a.service")
        for owner, why in [({"user": {"id": 4242}}, "user id 4242 is not mapped in this user namespace: give the build "
                            "more ids (/etc/subuid), or run it as root"),
                           ({"group": {"id": 4242}}, "group id 4242 is not mapped in this user namespace: give the "
                            "build more ids (/etc/subgid), or run it as root"),
                           ({"user": {"name": "daemon"}}, "user id 1 is not mapped in this user namespace: give the "
                            "build more ids (/etc/subuid), or run it as root")]:
            config = self.config(storage={"files": [{"path": "/first"}, {"path": "/owned", **owner}]})
            self.bad("failed to apply: running stage 'files': failed to create files: file \"/owned\": " + why, config,
                     **kw)

    def test_no_root_at_all(self):
        sections = {**self.SECTIONS, "storage": {"files": [FILE]}}
        self.good(self.config(**sections), preexec_fn=self.as_nobody)
        self.assertEqual({v[1] for v in listing(self.root, ()).values()}, {NOBODY})
        done = self.run_apply("--root", self.root, self.config(storage={"files": [{"path": "/z", "user": {"id": 0}}]}),
                              preexec_fn=self.as_nobody)
        self.assertEqual(done.returncode, 1)


        self.assertRegex(last(done), "/z: changing the owner: Operation not permitted$")


BOX = r"""
set -e
box=$1 bin=$2 out=$3
shift 3
mount --make-rprivate /
mount --bind "$box" "$box"
for d in usr proc dev; do mkdir -p "$box/$d"; mount --rbind "/$d" "$box/$d"; done
for d in bin sbin lib lib32 lib64; do [ ! -L "/$d" ] || ln -sfn "usr/$d" "$box/$d"; done
for d in bin sbin lib lib64; do [ -L "/$d" ] || [ ! -d "/$d" ] || { mkdir -p "$box/$d"; mount --bind "/$d" "$box/$d"; }; done
mkdir -p "$box/hearth" "$box/in"
mount --bind "$bin" "$box/hearth"
mount --bind "$out" "$box/in"
exec chroot "$box" "$@"
"""


class Image(Apply):
    """In a root of its own, as a container engine gives one: "/" is the image."""

    def box(self, *args, **kw):
        """Runs in a chroot of a mount namespace; the image is self.root, the test's files are in /in."""
        env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **kw.pop("env", {})}
        given = os.path.join(self.dir, "in")
        os.makedirs(given, exist_ok=True)
        shutil.copy(self.config(storage={"files": [FILE, {"path": "/etc/new", "user": {"name": "daemon"}}]},
                                systemd=UNITS["systemd"]), given)
        return subprocess.run(["unshare", "-m", "sh", "-c", BOX, "sh", self.root, os.path.dirname(APPLY), given, *args],
                              env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                              check=False, **kw)

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.at("usr"))
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no mount namespaces here")

    RUN = ("/hearth/ignition-apply", "/in/config.ign")

    def is_applied(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(self.read("opt/a"), "a")
        self.assertEqual(os.stat(self.at("etc/new")).st_uid, 1)
        self.assertEqual(os.readlink(self.at("etc/systemd/system/m.service")), "/dev/null")
        self.assertFalse(os.path.lexists(self.at(NOTES)))
        self.assertIn('writing file "/opt/a"', done.stdout)

    def test_on_a_host(self):
        for env in {}, {"container": ""}:
            with self.subTest(env=env):
                before = listing(self.at("etc"))
                done = self.box(*self.RUN, env=env)
                self.assertEqual((done.returncode, last(done), done.stderr), (1, HOST, ""))
                self.assertEqual(listing(self.at("etc")), before)
                self.assertFalse(os.path.exists(self.at("opt")))
        # A config that is no good is said first.
        done = self.box("/hearth/ignition-apply", "/etc/passwd")
        self.assertEqual((done.returncode, last(done)), (1, "CRITICAL : couldn't parse config: config is not valid"))

    def test_told_by_the_environment(self):
        self.is_applied(self.box(*self.RUN, env={"container": "podman"}))

    def test_told_by_podman_s_file(self):
        self.put("run/.containerenv", "")
        self.is_applied(self.box(*self.RUN))

    def test_told_by_docker_s_file(self):
        self.put(".dockerenv", "")
        self.is_applied(self.box(*self.RUN))

    def test_without_proc(self):
        self.put(".dockerenv", "")
        url = self.serve({"/x": b"remote"})
        self.box("/bin/true")  # makes /in
        path = self.config(storage={"files": [{"path": "/r", "contents": {"source": url + "/x"}}]}, name="in/remote.ign")
        self.assertTrue(os.path.exists(path))
        done = self.box("sh", "-c", "umount -l /proc && exec /hearth/ignition-apply /in/remote.ign")
        self.assertEqual(last(done), "INFO     : Ignition finished successfully")
        if "ASAN_OPTIONS" not in os.environ:  # it looks for leaks through /proc, and for its options too
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("r"), "remote")

    def test_a_file_of_the_engine(self):
        """/etc/hosts and the like are mounted while an image is built: nobody can replace them."""
        self.put(".dockerenv", "")
        self.put("etc/hosts", "of the image\n")
        self.box("/bin/true")
        self.config(storage={"files": [{"path": "/etc/hosts", "overwrite": True, "contents": {"source": "data:,x"}}]},
                    name="in/hosts.ign")
        done = self.box("sh", "-c", "echo engine > /in/hosts && mount --bind /in/hosts /etc/hosts && "
                        "exec /hearth/ignition-apply /in/hosts.ign")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(last(done), "CRITICAL : failed to apply: running stage 'files': failed to create files: "
                         'file "/etc/hosts": it is a mount point, which cannot be replaced')
        self.assertEqual(self.read("etc/hosts"), "of the image\n")


if __name__ == "__main__":
    main()
