#!/usr/bin/env python3
"""A package is refused for every fault that it may have. Usage: package_test.py COMPILER"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "packaging"))
import archive  # noqa: E402
import check  # noqa: E402
import deb  # noqa: E402
import elf  # noqa: E402
import licences  # noqa: E402
import tree  # noqa: E402

COMPILER = sys.argv.pop(1) if len(sys.argv) > 1 else "c++"
LISTING = "# a list\nboth bin/pictor\nboth lib/pictor/*.so*\neither share/pictor/weights/*\ntar share/tar\ndeb /etc/deb\n"
RPATH = ("-Wl,--disable-new-dtags", f"-Wl,-rpath,{check.RPATH}")


def compiled(target, text, *options):
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([COMPILER, "-x", "c++", "-", "-o", str(target), *options], input=text, text=True, check=True)


def library(folder, name, *options):
    compiled(folder / "lib/pictor" / name, f"int {name[3:4]}() {{ return 1; }}", "-shared", "-fPIC", "-s", f"-Wl,-soname,{name}", *options)


def program(folder, *options):
    compiled(folder / "bin/pictor", "int a(); int main() { return a(); }", f"-L{folder}/lib/pictor", "-l:liba.so", *options)


def put(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Trees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = pathlib.Path(tempfile.mkdtemp(prefix="pictor-package-"))
        library(cls.made, "liba.so")
        program(cls.made, "-s", *RPATH)
        put(cls.made / "share/tar")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.made)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pictor-package-"))
        self.root = self.folder / "tree"
        shutil.copytree(self.made, self.root)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def faults(self, settled=True, forbidden=(), outside=("libstdc++.so.6", "libgcc_s.so.1")):
        if settled:
            tree.settle(self.root, 1)
        elf.read.cache_clear()
        return check.check_tree(self.root, LISTING, "tar", outside, forbidden)

    def assert_one(self, faults, *words):
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])

    def test_a_whole_package_has_no_fault(self):
        self.assertEqual(self.faults(), [])

    def test_what_may_be_missing_may_also_be_there(self):
        put(self.root / "share/pictor/weights/one/text.onnx")
        self.assertEqual(self.faults(), [])

    def test_a_file_that_is_in_no_line_of_the_list_is_named(self):
        put(self.root / "share/notes.txt")
        self.assert_one(self.faults(), "share/notes.txt", "in no line")

    def test_a_file_of_the_other_package_is_not_of_this_one(self):
        put(self.root / "etc/deb")
        self.assert_one(self.faults(), "etc/deb", "in no line")

    def test_a_line_of_the_list_without_a_file_is_named(self):
        (self.root / "share/tar").unlink()
        self.assert_one(self.faults(), "share/tar", "there is none")

    def test_a_library_that_is_not_there_is_named(self):
        (self.root / "lib/pictor/liba.so").rename(self.root / "lib/pictor/libz.so")
        faults = self.faults()
        self.assertEqual(len(faults), 2, faults)
        self.assertIn("bin/pictor: needs liba.so", faults[0])
        self.assertIn("libz.so: nothing asks for it", faults[1])

    def test_a_library_of_the_system_has_to_be_promised(self):
        library(self.root, "liba.so", "-Wl,--no-as-needed", "-lz")
        self.assert_one(self.faults(), "needs libz.so.1")
        self.assertEqual(self.faults(outside=("libz.so.1", "libstdc++.so.6", "libgcc_s.so.1")), [])

    def test_a_library_that_nothing_asks_for_is_named(self):
        library(self.root, "libb.so")
        self.assert_one(self.faults(), "libb.so: nothing asks")

    def test_a_library_that_is_opened_by_name_needs_nobody_to_ask(self):
        library(self.root, "libtbbmalloc.so.2")
        self.assertEqual(self.faults(), [])

    def test_the_new_kind_of_run_path_is_refused_since_libraries_below_would_not_be_found(self):
        program(self.root, "-s", "-Wl,--enable-new-dtags", f"-Wl,-rpath,{check.RPATH}")
        self.assert_one(self.faults(), "bin/pictor", "RUNPATH '$ORIGIN/../lib/pictor'")

    def test_a_run_path_of_this_machine_is_refused(self):
        program(self.root, "-s", "-Wl,--disable-new-dtags", "-Wl,-rpath,/opt/build")
        self.assert_one(self.faults(), "bin/pictor", "/opt/build")

    def test_a_library_that_looks_elsewhere_is_refused(self):
        library(self.root, "liba.so", "-Wl,-rpath,/usr/local/lib")
        self.assert_one(self.faults(), "liba.so", "/usr/local/lib")

    def test_symbols_are_refused(self):
        program(self.root, *RPATH)
        self.assert_one(self.faults(), "bin/pictor", "not stripped")

    def test_a_path_of_this_machine_is_refused_but_not_as_the_end_of_another(self):
        put(self.root / "share/tar", "made in /src/build")
        self.assert_one(self.faults(forbidden=("/src",)), "share/tar", "/src")
        put(self.root / "share/tar", "/home/src/build, /srcs, /home/src")
        self.assertEqual(self.faults(forbidden=("/src",)), [])

    def test_links_and_odd_modes_are_refused(self):
        tree.settle(self.root, 1)
        (self.root / "share/tar").chmod(0o4755)
        self.assert_one(self.faults(settled=False), "share/tar", "mode 4755")
        (self.root / "share/tar").unlink()
        (self.root / "share/tar").symlink_to("/etc/passwd")
        self.assertIn("share/tar: a link", " ".join(self.faults(settled=False)))

    def test_one_content_gives_one_archive_whatever_the_order_the_times_and_the_modes(self):
        sums = []
        for number, names in enumerate((("a", "b/c", "d"), ("d", "b/c", "a"))):
            folder = self.folder / str(number) / "pictor"
            for name in names:
                put(folder / name, name)
                (folder / name).chmod(0o600 + 0o44 * number)
            os.link(folder / "a", folder / "twin")
            tree.settle(folder, 1000)
            archive.make_tarball(folder, self.folder / f"{number}.tar.gz", 1000)
            sums.append(archive.sha256_of(self.folder / f"{number}.tar.gz"))
        self.assertEqual(sums[0], sums[1])


class Words(unittest.TestCase):
    def test_the_packages_of_a_line_of_dependencies(self):
        self.assertEqual(deb.names_in("libc6 (>= 2.36), libstdc++6 (>= 11), libfoo1 | libfoo2"), {"libc6", "libstdc++6", "libfoo1"})

    def test_the_licences_of_a_copyright_file(self):
        text = "Files: *\nLicense: GPL-2+\n\nFiles: a\nLicense: Expat\n\nLicense: GPL-2+\n text\n"
        self.assertEqual(licences.short_licences(text), "GPL-2+, Expat")

    def test_the_service_waits_longer_than_the_server_drains(self):
        service = (ROOT / "packaging/pictor.service").read_text()
        drain = re.search(r"--drain-s S` \|.*\(default: (\d+)[;)]", (ROOT / "docs/reference/cli.md").read_text())
        self.assertGreater(int(re.search(r"^TimeoutStopSec=(\d+)$", service, re.M)[1]), int(drain[1]))

    def test_every_line_of_the_list_says_of_which_package_it_is(self):
        for line in (ROOT / "packaging/contents.txt").read_text().splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r"^(both|tar|deb|either)\s+\S+$")

    def test_the_scripts_of_the_deb_are_shell(self):
        for name in deb.SCRIPTS:
            subprocess.run(["sh", "-n", ROOT / "packaging/deb" / name], check=True)


if __name__ == "__main__":
    unittest.main()
