"""Tests of a GoogleTest program, by their names, for claims that a test shows."""
import json
import pathlib
import tempfile

import common


def gtest(program, filters, env=None):
    """Every test that ran: name -> what it recorded; raises when one failed."""
    path = common.need(program, "run `cmake --build --preset bench`")
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        report = pathlib.Path(folder) / "report.json"
        went = common.run([path, f"--gtest_filter={filters}", f"--gtest_output=json:{report}"], env=env)
        suites = json.loads(report.read_text())["testsuites"] if report.exists() else []
    ran = {f"{suite['name']}.{test['name']}": test for suite in suites for test in suite["testsuite"]}
    failed = [name for name, test in ran.items() if "failures" in test]
    if failed or went.status != 0:
        raise RuntimeError(f"{', '.join(failed) or path.name} failed: {went.out[-500:]}")
    return {name: test for name, test in ran.items() if test["result"] == "COMPLETED"}
