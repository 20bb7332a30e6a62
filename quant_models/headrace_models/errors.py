# SPDX-License-Identifier: Apache-2.0
"""What headrace_models can refuse, as one tree.

```
ModelError
├── DataError         a data set is absent, incomplete or not what its checksums say
├── RecipeError       a recipe asks for something impossible
├── CheckpointError   a checkpoint is unreadable or belongs to another recipe
└── ExactnessError    a network cannot be expressed in exact integer arithmetic
```
"""


class ModelError(Exception):
    """Base of every error raised by this package for a reason the user can mend."""


class DataError(ModelError):
    """A data set is absent, incomplete or not what its checksums say."""


class RecipeError(ModelError):
    """A recipe asks for something impossible."""


class CheckpointError(ModelError):
    """A checkpoint is unreadable or belongs to another recipe."""


class ExactnessError(ModelError):
    """A network cannot be expressed in exact integer arithmetic."""
