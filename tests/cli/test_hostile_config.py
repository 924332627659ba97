#!/usr/bin/env python3
"""Configs made to cost time or memory: each is judged within a bound of both, whatever its verdict.

The bounds are for work that grows with the square of the input, or memory with a large multiple of
it: they lie several times above what is needed, and the time limit is on CPU time, so that a busy
machine does not matter.
"""
import os
import resource
import subprocess
import tempfile
import unittest

BIN = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-validate")
MIB = 1 << 20


def instrumented():
    with open(BIN, "rb") as f:
        return b"__asan_init" in f.read()


SLOW = instrumented()  # the address sanitizer has its own idea of memory
CPU_SECONDS = 60 if SLOW else 10


def config(body, version="3.4.0"):
    return '{"ignition":{"version":"%s"},%s}' % (version, body)


def entries(section, name, items):
    return config('"%s":{"%s":[%s]}' % (section, name, ",".join(items)))


def source(url):
    return config('"storage":{"files":[{"path":"/a","contents":{"source":"%s"}}]}' % url)


def unit(text):
    return config('"systemd":{"units":[{"name":"a.service","contents":"%s"}]}' % text)


def both(links, files):
    return config('"storage":{"links":[%s],"files":[%s]}' % (",".join(links), ",".join(files)))


def long_prefix(filesystem, count):
    """A file system of a 2.x config, with files that are written to it."""
    return config('"storage":{"filesystems":[{"name":"n",%s}],"files":[%s]}' % (
        filesystem, ",".join('{"filesystem":"n","path":"/%d"}' % i for i in range(count))), "2.3.0")


class HostileConfig(unittest.TestCase):
    def run_on(self, data, limit_mib, *options):
        """The exit status and the output; fails when a bound was passed."""
        if isinstance(data, str):
            data = data.encode()

        def bound():
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            if not SLOW:
                resource.setrlimit(resource.RLIMIT_DATA, (int(limit_mib) * MIB, int(limit_mib) * MIB))

        with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryFile() as out:
            f.write(data)
            f.flush()
            status = subprocess.call([BIN, *options, f.name], stdout=out, stderr=subprocess.STDOUT, preexec_fn=bound)
            out.seek(0)
            text = out.read().decode(errors="replace")
        self.assertIn(status, (0, 1), text[:300])
        self.assertNotIn("Cannot allocate memory", text)
        return status, text

    def refused(self, data, why, limit_mib=0):
        status, text = self.run_on(data, limit_mib or 5 * len(data) / MIB + 64)
        self.assertEqual(status, 1, text[:300])
        self.assertIn(why, text)
        self.assertLess(len(text), 2 * MIB)

    def judged(self, data, limit_mib, *options):
        _, text = self.run_on(data, limit_mib, *options)
        self.assertLess(len(text), 2 * MIB)

    def test_garbage_of_100_mb(self):
        size = 100 * MIB
        for fill in (b"[", b'{"a":', b" ", b"0", b"\xff", os.urandom(MIB)):
            with self.subTest(fill=fill[:8]):
                self.refused((fill * (size // len(fill) + 1))[:size], "larger than 67108864 bytes", 260)

    def test_garbage_of_the_largest_size(self):
        size = 64 * MIB
        for fill, why in ((b"[", "nested too deeply"), (b'{"a":', "nested too deeply"),
                          (b'[{"a":', "nested too deeply"), (b" ", "unexpected end"),
                          (b"[]", "data after the end"), (b"0", "must not begin with 0"),
                          (b"1", "expected object, got number"), (b'"\\u0041', "unexpected end")):
            with self.subTest(fill=fill):
                text = (fill * (size // len(fill) + 1))[:size]
                if fill.startswith(b'"'):
                    text = b'"' + text.replace(b'"', b"")
                self.refused(text[:size], why, 260)
        self.refused(b'"' + b"a" * (size - 1), "unexpected end", 260)

    def test_one_byte_more_than_the_limit(self):
        text = config('"a":"%s"' % ("x" * (64 * MIB)))[:-2]
        self.refused(text[:64 * MIB - 2] + '"}}', "larger than 67108864 bytes", 260)
        text = '{"ignition":{"version":"3.4.0","a":"' + "x" * (64 * MIB)
        text = text[:64 * MIB - 3] + '"}}'
        status, out = self.run_on(text, 64 * 4 + 64)
        self.assertEqual((status, len(text)), (0, 64 * MIB), out[:300])

    def test_keys(self):
        self.refused('{"a":1,"a":2}', 'duplicate key "a"')
        self.refused("{" + ",".join(['"a":1'] * 1000000) + "}", 'duplicate key "a"', 200)
        self.judged(config(",".join('"k%d":1' % i for i in range(1000000))), 600)
        self.judged(config(",".join('"%s%d":1' % ("k" * 20000, i) for i in range(1000))), 200)
        self.judged(config('"%s":1' % ("k" * (20 * MIB))), 200)
        for raw in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"a\xe2\x82"):
            self.refused(b'{"' + raw + b'":1}', "invalid UTF-8")
            self.refused(b'{"a":"' + raw + b'"}', "invalid UTF-8")

    def test_lists_of_8_mb(self):
        places = ['"storage":{"%s":[%%s]}' % name for name in ("files", "links", "disks", "luks")]
        nested = ('"storage":{"disks":[{"device":"/d","partitions":[%s]}]}',
                  '"storage":{"files":[{"path":"/a","append":[%s]}]}',
                  '"storage":{"raid":[{"name":"a","level":"1","devices":[%s]}]}',
                  '"passwd":{"users":[%s]}', '"passwd":{"users":[{"name":"a","groups":[%s]}]}',
                  '"systemd":{"units":[%s]}', '"kernelArguments":{"shouldExist":[%s]}',
                  '"ignition":{"config":{"merge":[%s]}}', '"unknown":[%s]')
        numbers = ",".join(["0"] * (4 * MIB - 100))
        for place in (*places, *nested):
            with self.subTest(place=place):
                text = config(place % numbers)
                if place.startswith('"ignition"'):
                    text = '{"ignition":{"version":"3.4.0",' + (place % numbers)[len('"ignition":{'):] + "}"
                self.judged(text, 600)
                if SLOW:
                    break

    def test_many_small_containers(self):
        many = ",".join(["{}"] * 1000)
        self.judged(config('"storage":{"disks":[%s]}' % ",".join(
            '{"device":"/d%d","partitions":[%s]}' % (i, many) for i in range(500))), 1000)
        self.refused(config('"a":[%s]' % ",".join(["{}"] * (1 << 20))), "too many lists and objects")

    def test_findings_without_end(self):
        self.judged(entries("storage", "files", ['{"path":"a%d"}' % i for i in range(65000)]), 300)
        self.judged(entries("storage", "files", ['{"path":"/a"}'] * 65000), 300)
        line = ",".join('{"path":"a%d","contents":{"source":"data:,%s"}}' % (i, "x" * 900) for i in range(60000))
        self.judged(config('"storage":{"files":[%s]}' % line), 600)
        self.judged(config('"storage":{"%s":[0]}' % ("F" * (4 * MIB))), 200)

    def test_findings_at_the_end_of_one_line(self):
        """Looking for the beginning of the line again for each of them would take longer than the limit."""
        findings = '%s,"storage":{"files":[%s]}' % (",".join('"k%d":0' % i for i in range(1000)),
                                                    ",".join('{"path":"a%d"}' % i for i in range(1000)))
        self.judged(config('"a":"%s",%s' % ("x" * (62 * MIB), findings)), 500)
        self.judged(config('"a":"%s",%s' % ("\u0301" * (31 * MIB), findings)), 500, "-explain")

    def test_links_over_files(self):
        count = 30000
        self.judged(both(['{"path":"/a/l%d","target":"/x"}' % i for i in range(count)],
                         ['{"path":"/a/l%d/f"}' % i for i in range(count)]), 400)
        self.judged(both(['{"path":"/a","target":"/x"}'] * count,
                         ['{"path":"/a/f%d"}' % i for i in range(count)]), 400)
        deep = "/a" * MIB
        self.judged(both(['{"path":"%s","target":"/x"}' % deep], ['{"path":"%s/b"}' % deep]), 200)
        self.judged(both(['{"path":"%s/c%d","target":"/x"}' % (deep, i) for i in range(2)],
                         ['{"path":"%s/b"}' % deep]), 200)
        self.judged(config('"storage":{"links":[{"path":"/a","hard":true,"target":"%s"}]}' % ("/a/.." * MIB)), 200)

    def test_long_names_times_many(self):
        dropins = ",".join('{"name":"%d.conf","contents":"[A]"}' % i for i in range(20000))
        for version in ("3.4.0", "2.3.0"):
            self.judged(config('"systemd":{"units":[{"name":"%s.service","dropins":[%s]}]}' %
                               ("u" * MIB, dropins), version), 400)

    def test_numbers_and_escapes(self):
        for number in ("1" * 1000000, "-" + "1" * 1000000, "0." + "1" * 1000000, "1e" + "1" * 1000000):
            self.refused(config('"storage":{"files":[{"path":"/a","mode":%s}]}' % number),
                         "expected integer" if number[1] in ".e" else "out of range")
        self.judged(config('"storage":{"files":[{"path":"/%s"}]}' % ("\\u0041" * MIB)), 200)
        self.judged(config('"storage":{"files":[{"path":"/%s"}]}' % ("\\ud800" * MIB)), 200)

    def test_unit_files(self):
        for text in ("[A]\\nB=\\\\\\n" * 400000, "#\\\\\\n" * 800000, "[" * 4 * MIB, "[A]" + " " * 4 * MIB,
                     "[A]\\n" + "k" * 4 * MIB, "[A]\\n" + "[B]x\\n" * 400000):
            with self.subTest(text=text[:12]):
                self.judged(unit(text), 200)

    def test_urls(self):
        for url in ("http://h/" + "a" * 4 * MIB, "http://" + "a%80" * MIB + "/", "s3://b/k?" + "a=b&" * MIB,
                    "s3://b/k?" + ";&" * MIB, "arn:aws:s3:::" + "a/:" * MIB, "data:," + "%41" * MIB,
                    "data:," + "%4" * MIB, "data:text/plain" + ";a=b" * MIB + ",x",
                    "data:text/plain;a=" + '\\"' + '\\\\\\"' * MIB + '\\",x', "data:;base64," + "=" * 4 * MIB,
                    ":" * 4 * MIB, "http://" + "@" * 4 * MIB, "http://[" + ":" * 4 * MIB + "]/"):
            with self.subTest(url=url[:24]):
                self.judged(source(url), 200)

    def test_old_versions(self):
        count = 30000
        for text in (
                config('"storage":{"files":[%s]}' % ",".join(
                    ['{"filesystem":"root","path":"/a","append":true,"contents":{"source":"data:,x"}}'] * count),
                       "2.3.0"),
                config('"storage":{"filesystems":[%s],"files":[%s]}' % (
                    ",".join('{"name":"f%d","path":"/m%d"}' % (i, i) for i in range(count)),
                    ",".join('{"filesystem":"f%d","path":"/a%d"}' % (i, i) for i in range(count))), "2.2.0"),
                config('"passwd":{"users":[%s]}' % ",".join(['{"name":"u"}'] * count), "2.4.0"),
                config('"systemd":{"units":[%s]}' % ",".join(
                    ['{"name":"u.service","dropins":[{"name":"a.conf"}]}'] * count), "2.1.0"),
                config('"storage":{"links":[{"filesystem":"root","path":"%s","target":"/x"}],'
                       '"files":[{"filesystem":"root","path":"%s/b"}]}' % ("/a" * MIB, "/a" * MIB), "2.3.0"),
                long_prefix('"mount":{"device":"/dev/%s","format":"ext4"}' % (":" * 1300), 2 * count),
                long_prefix('"path":"/sysroot%s"' % ("/a" * 2000), 2 * count),
                '{"ignitionVersion":1,"storage":{"filesystems":[{"device":"/d","format":"ext4","files":[%s]}]}}' %
                ",".join('{"path":"/a%d","contents":"x"}' % i for i in range(count))):
            with self.subTest(text=text[:60]):
                self.judged(text, 400)

    def test_suggestions_that_are_not_shown(self):
        nodes = (",".join('{"filesystem":"root","path":"/l/%s%d"}' % (kind, i) for i in range(60000)) for kind in "fd")
        _, text = self.run_on(
            config('"storage":{"links":[{"filesystem":"root","path":"/l","target":"%s"}],"files":[%s],'
                   '"directories":[%s]}' % ("/a" * 2000, *nodes), "2.3.0"), 400)
        self.assertRegex(text, r"error at \$.storage.directories.0.path, line 1 col \d+: /l/d0 leads through the link ")

    @unittest.skipIf(SLOW, "the address sanitizer has its own idea of memory")
    def test_what_memory_did_not_suffice_for_is_told(self):
        text = config('"storage":{"filesystems":[{"name":"n","mount":{"device":"/dev/%s","format":"ext4"}}],'
                      '"directories":[{"filesystem":"undefined","path":"/a"}],"files":[%s]}' % (
                          ":" * 80, ",".join('{"filesystem":"n","path":"/%d"}' % i for i in range(60000))), "2.3.0")
        told = 0
        for limit in range(10, 130, 5):
            done = subprocess.run(
                [BIN, "-"], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_DATA, (limit * MIB, limit * MIB)))
            out = done.stdout.decode()
            short = "Cannot allocate memory" in out
            self.assertEqual(done.returncode, 1, out[:300])
            located = "error at $.storage.directories.0.filesystem, line 1 " in out
            self.assertNotEqual(short, located, f"{limit} MiB: {out[:300]}")
            told += short
        self.assertIn(told, range(1, 24), "limits that tell nothing")


if __name__ == "__main__":
    unittest.main()
