# SPDX-License-Identifier: Apache-2.0
"""A PYNQ board in simulation: pynq's own code, unmodified, in front of a Verilated ``headrace_ip``.

    from headrace_sim.board import SimulatedDevice
    from pynq import Overlay
    overlay = Overlay("deploy/cellnet.bit")       # the simulated device is found as a real one would be

or, for a script that knows nothing of it: ``python -m headrace_sim script.py``.
"""
