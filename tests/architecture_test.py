#!/usr/bin/env python3
"""Holds the tree against src/LAYERS and ARCHITECTURE.md: the arrows between rooms, purpose lines, sizes, kinds' folders."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
MAX_LINES = 500


def layers():
    """room -> (folder of kinds or '-', what it may include)."""
    out = {}
    for line in (SRC / "LAYERS").read_text().splitlines():
        if line and not line.startswith("#"):
            room, kinds, includes, _links = re.split(r"  +", line.strip())
            out[room] = (kinds, includes.split())
    return out


def sources(pattern="**/*"):
    return sorted(p for p in SRC.glob(pattern) if p.suffix in (".cc", ".h"))


def room_of(path):
    return path.relative_to(SRC).parts[0]


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#include "([^"]+)"', line)
        if match:
            yield number, match.group(1)


class Architecture(unittest.TestCase):
    def test_every_folder_is_a_room_and_every_room_a_folder(self):
        self.assertEqual({p.name for p in SRC.iterdir() if p.is_dir()}, set(layers()))

    def test_arrows_between_rooms(self):
        rooms = layers()
        wrong = []
        for path in sources():
            room = room_of(path)
            allowed = rooms[room][1]
            for number, target in includes(path):
                other = target.split("/")[0]
                if other == room or "*" in allowed or other not in rooms:
                    continue
                if other not in allowed and target not in allowed:
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {room} may not include {target}")
        self.assertEqual(wrong, [])

    def test_includes_in_quotes_name_files_below_src(self):
        wrong = [f"{p.relative_to(ROOT)}:{n}: no such file {t}" for p in sources() for n, t in includes(p)
                 if not (SRC / t).exists()]
        self.assertEqual(wrong, [])

    def test_purpose_line_on_top_of_every_file(self):
        wrong = [str(p.relative_to(ROOT)) for p in sources() if not re.match(r"// \S.{8,}", p.read_text())]
        self.assertEqual(wrong, [])

    def test_files_stay_readable(self):
        wrong = [f"{p.relative_to(ROOT)}: {n} lines" for p in sources()
                 if (n := len(p.read_text().splitlines())) > MAX_LINES and not p.name.endswith("_test.cc")]
        self.assertEqual(wrong, [])

    def test_every_kind_has_its_page_and_example(self):
        wrong = []
        for room, (kinds, _) in layers().items():
            if kinds == "-":
                continue
            for folder in sorted((SRC / kinds).iterdir()):
                if folder.is_dir() and (folder / f"{folder.name}.h").exists():
                    for name in ("README.md", "example.yaml"):
                        if kinds == "recovery/step" and name == "example.yaml":
                            continue
                        if not (folder / name).exists():
                            wrong.append(f"{folder.relative_to(ROOT)} lacks {name}")
        self.assertEqual(wrong, [])

    def test_time_comes_from_the_clock(self):
        wrong = []
        for path in sources():
            if path.name.endswith("_test.cc") or room_of(path) == "base" and path.name.startswith("clock"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if re.search(r"(steady|system)_clock::now|\btime\((nullptr|NULL|0)\)", line) and "real time" not in line:
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
        self.assertEqual(wrong, [])

    def test_no_detached_tasks(self):
        wrong = [f"{p.relative_to(ROOT)}" for p in sources() if re.search(r"\basio::detached\b", p.read_text())]
        self.assertEqual(wrong, [])

    def test_no_shell_is_started_from_text(self):
        wrong = [f"{p.relative_to(ROOT)}" for p in sources() if re.search(r"\b(std::system|popen)\s*\(", p.read_text())]
        self.assertEqual(wrong, [])

    def test_architecture_page_names_every_room_and_only_rooms(self):
        page = (ROOT / "ARCHITECTURE.md").read_text()
        named = set(re.findall(r"^\| `(\w+)`", page, re.M))
        self.assertEqual(named, set(layers()))

    def test_architecture_page_repeats_the_arrows(self):
        page = (ROOT / "ARCHITECTURE.md").read_text()
        for room, (_, may) in layers().items():
            row = re.search(rf"^\| `{room}` \|.*\|([^|]*)\|$", page, re.M)
            self.assertIsNotNone(row, room)
            want = "all" if may == ["*"] else ("" if may == ["-"] else " ".join(may))
            self.assertEqual(row.group(1).strip(), want, f"ARCHITECTURE.md, row {room}")

    def test_paths_named_in_pages_exist(self):
        wrong = []
        for page in [ROOT / n for n in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("**/*.md")):
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
                if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                    wrong.append(f"{page.relative_to(ROOT)}: {target}")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
