"""Which authorities, proxy and timeouts hold for which fetch: in references, in what replaces, in later stages."""
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_ignition


def data(document):
    return "data:," + urllib.parse.quote(document if isinstance(document, str) else json.dumps(document), safe="")


def config(merge=(), replace=None, authorities=(), **ignition):
    files = ignition.pop("files", None)
    refs = {**({"merge": [{"source": s} for s in merge]} if merge else {}),
            **({"replace": {"source": replace}} if replace else {})}
    tls = {"security": {"tls": {"certificateAuthorities": [{"source": s} for s in authorities]}}} if authorities else {}
    return {"ignition": {"version": "3.4.0", "config": refs, **tls, **ignition},
            **({"storage": {"files": files}} if files else {})}


class Settings(test_ignition.Case):
    def secure(self, name, answers):
        """An https server with a certificate of its own; its URL and that certificate."""
        key, cert = self.path(name + ".key"), self.path(name + ".pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
        server = self.serve(answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        with open(cert, encoding="ascii") as f:
            return server.url.replace("http:", "https:"), f.read()

    def put(self, document):
        self.write("config.ign", json.dumps(document))

    def sources(self):
        tls = self.cache()["ignition"]["security"]["tls"]
        return [a["source"] for a in tls.get("certificateAuthorities", [])]

    def test_authorities(self):
        one = {}
        first, first_ca = self.secure("one", one)
        second, second_ca = self.secure("two", {"/leaf": (200, json.dumps(config()).encode()), "/file": (200, b"second")})
        one["/leaf"] = (200, json.dumps(config(files=[{"path": "/leaf"}])).encode())
        one["/file"] = (200, b"first")
        plain = self.serve({"/ca": (200, first_ca.encode())})
        middle = config([first + "/leaf", second + "/leaf"], authorities=[data(second_ca)])
        files = [{"path": f"/{i}", "contents": {"source": u + "/file"}} for i, u in enumerate((first, second))]
        self.put(config([data(middle)], authorities=[plain.url + "/ca"], files=files))
        self.ok("fetch")
        # Both are in the cache as they were fetched: the later stages need no server for them.
        self.assertEqual([s.split(",")[0] for s in self.sources()], ["data:text/plain;charset=utf-8;base64"] * 2)
        plain.close()
        self.ok("files")
        for i, text in enumerate((b"first", b"second")):
            with open(self.path("root", str(i)), "rb") as f:
                self.assertEqual(f.read(), text)
        self.assertTrue(os.path.exists(self.path("root/leaf")))

    def test_references_in_their_order(self):
        """What the second of two references needs may come with the first, not the other way round."""
        url, ca = self.secure("one", {"/leaf": (200, json.dumps(config()).encode())})
        brings = data(config(authorities=[data(ca)]))
        self.put(config([brings, url + "/leaf"]))
        self.ok("fetch")
        self.put(config([url + "/leaf", brings], timeouts={"httpTotal": 1}))
        self.fails("fetch", "certificate")

    def test_replaced(self):
        """What replaces has only its own settings, but for authorities when it names none; those it does not keep."""
        url, ca = self.secure("one", {"/leaf": (200, json.dumps(config()).encode()), "/file": (200, b"text")})
        other, other_ca = self.secure("two", {"/leaf": (200, json.dumps(config()).encode())})
        files = [{"path": "/f", "contents": {"source": url + "/file"}}]
        dead = {"httpsProxy": "http://127.0.0.1:9"}
        short = {"timeouts": {"httpTotal": 2}}
        self.put(config(replace=data(config([url + "/leaf"], files=files, **short)), authorities=[data(ca)], proxy=dead))
        self.ok("fetch")
        self.assertEqual(self.sources(), [])
        self.fails("files", "certificate")
        self.put(config(replace=data(config([url + "/leaf"], authorities=[data(other_ca)], **short)), authorities=[data(ca)]))
        self.fails("fetch", "certificate")
        self.put(config(replace=data(config([other + "/leaf"], authorities=[data(other_ca)], **short)),
                        authorities=[data(ca)]))
        self.ok("fetch")
        self.assertEqual(len(self.sources()), 1)

    def test_timeouts_below(self):
        """A server that never answers ends what is two levels below the limit, too."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        self.put(config([data(config([data(config([url]))]))], timeouts={"httpTotal": 2, "httpResponseHeaders": 1}))
        began = time.monotonic()
        self.fails("fetch", url)
        self.assertLess(time.monotonic() - began, 100)
        # An own limit of the referenced config counts for what it refers to.
        self.put(config([data(config([url], timeouts={"httpTotal": 2}))], timeouts={"httpTotal": 3600}))
        began = time.monotonic()
        self.fails("fetch", url)
        self.assertLess(time.monotonic() - began, 100)

    def test_the_files_stage_uses_the_final_settings(self):
        """The proxy that a referenced config brings is in the cache, and what files are fetched through."""
        proxy = self.serve({"http://no-such-host.invalid/x": (200, b"by proxy")})
        child = config(proxy={"httpProxy": proxy.url})
        self.put(config([data(child)], files=[{"path": "/f", "contents": {"source": "http://no-such-host.invalid/x"}}]))
        self.ok("fetch")
        self.assertEqual(self.cache()["ignition"]["proxy"]["httpProxy"], proxy.url)
        self.ok("files")
        with open(self.path("root/f"), "rb") as f:
            self.assertEqual(f.read(), b"by proxy")


if __name__ == "__main__":
    unittest.main(verbosity=1)
