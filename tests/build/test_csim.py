# SPDX-License-Identifier: Apache-2.0
"""What users see of a source that g++ refuses."""

from __future__ import annotations

import pytest

from headrace.build.csim import compile_csim
from headrace.errors import ToolError

SIZES = """
template <unsigned Rows>
struct Sizes {
  static_assert(Rows >= 1 && Rows <= 4, "there are 1 to 4 rows");
  static constexpr unsigned last = 3 / Rows;
};
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("int main() { return Sizes<5>::last; }", "there are 1 to 4 rows; the comparison reduces to '(5 <= 4)'"),
        (
            "int first = none;\nint main() { return Sizes<0>::last; }",
            "there are 1 to 4 rows; the comparison reduces to '(0 >= 1)'",
        ),
        (
            "static_assert(sizeof(int) == 4 || false);\nstatic_assert(!true);\nint main() {}",
            "static assertion failed (full log",
        ),
        ("int main() { return none; }\nint other = nothing;", "'none' was not declared in this scope (full log"),
    ],
)
def test_an_error_is_one_line_with_its_numbers(source: str, message: str) -> None:
    with pytest.raises(ToolError) as caught:
        compile_csim({"main.cpp": SIZES + source}, ["main.cpp"])
    assert str(caught.value).startswith("g++: main.cpp:")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_linker_is_told() -> None:
    with pytest.raises(ToolError, match="ld returned 1 exit status"):
        compile_csim({"main.cpp": "int none();\nint main() { return none(); }"}, ["main.cpp"])
