# SPDX-License-Identifier: Apache-2.0
"""Infrastructure of the cocotb benches: builds, stream drivers, packing of beats.

A bench has two halves. The pytest half (``tests/rtl/test_<module>.py``) chooses parameters and runs
the simulation:

    from headrace_sim.runner import expect_refusal, run_bench

    @pytest.mark.parametrize("lanes", [1, 3, 8])
    def test_matches_reference(lanes: int, tmp_path: Path) -> None:
        run_bench("engine_pool", bench="headrace_sim.benches.engine_pool", folder=tmp_path,
                  parameters={"Lanes": lanes, "RomFile": "w.hex"},   # int, str or packed(...)
                  case={"shape": [1, 8, 8, 5]},                      # anything JSON can carry
                  arrays={"weights": weights},                       # numpy arrays
                  roms={"w.hex": rom_lines(words, width=16)})        # found through +rom_dir

    def test_refuses_zero_lanes() -> None:
        expect_refusal("engine_pool", parameters={"Lanes": 0}, message="got 0")

The cocotb half (``sim/headrace_sim/benches/<module>.py``) runs inside the simulator:

    from headrace_sim.case import current_case
    from headrace_sim.streams import StreamBench
    from headrace_sim.words import beats_of, pack, unpack

    @cocotb.test
    @cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.8)], seed=[1, 2])
    async def matches_reference(dut, stall, seed) -> None:
        case = current_case()                      # .parameters, .data, .arrays, .folder
        bench = StreamBench(dut, seed=seed)
        bench.source(words, stall=stall[0])        # valid_i, ready_o, data_i
        out = bench.sink(len(expected), stall=stall[1])   # valid_o, ready_i, data_o
        await bench.run(limit=10_000)              # resets, runs, checks that nothing surplus comes
        np.testing.assert_array_equal(unpack(out.words, bits=8, lanes=lanes), expected)
        assert out.span == len(expected)           # cycles from first to last beat: no bubbles

Other port names: ``bench.source(words, valid="dil_valid_i", ready="dil_ready_o", data="dil_i")``.
Vectors of streams: ``bench.source(words, index=k)`` drives bit k of ``valid_i`` and slice k of
``data_i``; ``bench.sink(n, index=k, shared_data=True)`` takes stream k of outputs that share data.

Compiled models are cached by the hash of their sources, parameters and tool versions in
`headrace.build.toolenv.cache_dir`, so a repeated run compiles nothing.
"""
