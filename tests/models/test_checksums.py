# SPDX-License-Identifier: Apache-2.0
"""The list of checksums that comes with the package."""

from headrace_models.datasets import CBC
from headrace_models.fetch import checksums


def test_lists_every_file_of_the_data_set() -> None:
    digests = checksums()
    assert len(digests) == 1 + 2 * sum(CBC.counts.values())
    assert all(len(digest) == 32 for digest in digests.values())
    assert len([path for path in digests if path.startswith("Testing/Images/")]) == CBC.counts["Testing"]
