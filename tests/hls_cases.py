# SPDX-License-Identifier: Apache-2.0
"""Sources that Vitis HLS is to be spared, with their offending lines marked ``// here``, and some that only look like these."""

from __future__ import annotations

KERNEL = """\
#include <cmath>
#include <cstdlib>
#include <vector>

#include "headrace/beat.hpp"
namespace headrace::NAME {{
{before}
template <class Cfg>
void kernel(unsigned frames, Stream<8, 4>& in, Stream<8, 4>& out) {{
  ap_uint<8> table[Cfg::N];
{setup}
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {{
  beats:
    for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {{
#pragma HLS pipeline II=1
      Beat<8, 4> x = in.read();
{body}
      out.write(x);
    }}
  }}
{after}
}}
}}
"""


def kernel(body: str = "", *, before: str = "", setup: str = "", after: str = "") -> str:
    """A kernel that is as it must be but for the given lines."""
    return KERNEL.format(before=before, setup=setup, body=body, after=after)


REGION = """\
#include "headrace/beat.hpp"
namespace headrace::NAME {{
inline void step(unsigned frames, Stream<8, 4>& in, Stream<8, 4>& out) {{
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {{
#pragma HLS pipeline II=1
    out.write(in.read());
  }}
}}
template <class... Outs>
void share(unsigned frames, Stream<8, 4>& in, Outs&... outs) {{
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {{
#pragma HLS pipeline II=1
    const Beat<8, 4> x = in.read();
    (outs.write(x), ...);
  }}
}}
inline void drop(unsigned frames, Stream<8, 4>& in) {{
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {{
#pragma HLS pipeline II=1
    (void)in.read();
  }}
}}
inline void idle(unsigned, Stream<8, 4>&) {{}}
inline void both(unsigned frames, Stream<8, 4>& stream) {{
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {{
#pragma HLS pipeline II=1
    stream.write(stream.read());
  }}
}}
template <unsigned Times>
void wrapped(unsigned frames, Stream<8, 4>& in, Stream<8, 4>& out) {{
  step(frames, in, out);
}}
void elsewhere(unsigned frames, Stream<8, 4>& in);

inline void region(unsigned frames, Stream<8, 4>& in, Stream<8, 4>& out) {{{port}
#pragma HLS dataflow
{streams}
  Stream<8, 4> a("a");{a}
#pragma HLS stream variable=a depth=2
  Stream<8, 4> b("b");{b}
#pragma HLS stream variable=b depth=2
{calls}
}}
}}
"""
CALLS = """\
  step(frames, in, a);
  wrapped<3>(frames, a, b);
  share(frames, b, out);
"""


def region(more: str = "", *, calls: str = CALLS, streams: str = "", port: str = "", a: str = "", b: str = "") -> str:
    """A dataflow function that is as it must be but for the given lines; ``port``, ``a`` and ``b`` mark where it is not."""
    return REGION.format(streams=streams, calls=calls + more, port=port, a=a, b=b)


NO_STREAM = '  Stream<8, 4> c("c"); // here\n'

ALLOWED = [
    # dataflow: a stream from one call to a later one, through templates and packs
    region(),
    region(
        calls="  step(frames, in, a);\n  share(frames, a, b, out);\n  drop(frames, b);\n",
    ),
    # one access of a memory, in a function
    kernel(
        "x.lane[0] = entry<Cfg>(table, beat);",
        before="template <class Cfg> ap_uint<8> entry(const ap_uint<8> (&from)[Cfg::N], unsigned at) { return from[at]; }",
    ),
    # functions of one name
    kernel(
        before="struct One { unsigned n; void advance() { ++n; } };\n"
        "struct Two { One one; void advance() { one.advance(); } };\n"
        "template <class T> struct Three { T two; void advance() { two.advance(); } };\n"
        "inline void use(Three<Two>& t) { t.advance(); }"
    ),
    kernel(),
    # one path reads it, the other writes it
    kernel("if (beat == 0) { table[0] = x.lane[0]; } else { x.lane[0] = table[0]; }"),
    # a register file, all of it in every cycle
    kernel(
        "lanes:\n for (unsigned i = 0; i < Cfg::N; ++i) {\n#pragma HLS unroll\n table[i] = table[i] + 1;\n }",
        setup="#pragma HLS array_partition variable=table type=complete",
    ),
    # bounds made of constants and frames
    kernel(
        after="  const unsigned long long steps = frames * (2ull * Cfg::Beats) + 3;\n"
        "rest:\n for (unsigned long long s = 0; s < steps; ++s) {\n#pragma HLS pipeline II=1\n out.write(in.read());\n }"
    ),
    # an inner loop as long as the unrolled one has come
    kernel(
        "a:\n for (unsigned i = 0; i < 4; ++i) {\n#pragma HLS unroll\n"
        "b:\n for (unsigned j = 0; j < i; ++j) {\n#pragma HLS unroll\n x.lane[i] += x.lane[j];\n }\n }"
    ),
    # what runs at compile time may do anything there
    kernel(before="constexpr unsigned bits(unsigned n) { unsigned b = 0; while (n) { n /= 2; ++b; } return b; }"),
    kernel(before="template <unsigned N> unsigned tree(unsigned x) { if constexpr (N > 1) return tree<N / 2>(x); return x; }"),
    kernel(before="struct Fixed { Fixed(const Fixed&) = delete; };"),
    kernel(setup="  static constexpr unsigned odd[2] = {1, 3};\n  static const unsigned even = 2;"),
    kernel(setup="#pragma HLS dependence variable=table type=inter direction=RAW distance=Cfg::N true"),
    # names in any letter case, as people write them
    kernel(
        setup="#pragma HLS ARRAY_PARTITION variable = table COMPLETE dim=1\n#pragma HLS Bind_Storage Variable=table TYPE=ram_2p"
    ),
    kernel(after="rest:\n for (unsigned i = 0; i < 4; ++i) {\n#pragma HLS PIPELINE ii=1 STYLE=flp\n }"),
    kernel(setup="  ap_uint<8> other[2];\n#pragma HLS array_reshape variable=table, other cyclic factor=2"),
]


BROKEN = {
    "new": ("memory", "new is not for hardware", kernel("unsigned* p = new unsigned; // here")),
    "delete": ("memory", "delete is not for hardware", kernel(before="inline void f(int* p) { delete p; } // here")),
    "malloc": ("memory", "malloc is not", kernel(before="inline void* f() { return malloc(4); } // here")),
    "throw": ("exception", "throw is not for hardware", kernel("if (beat == 9) throw 1; // here")),
    "try": ("exception", "try is not for hardware", kernel("try { // here\n } catch (...) { // here\n }")),
    "goto": ("goto", "goto is not for hardware", kernel("if (beat == 9) goto frames; // here")),
    "virtual": ("virtual", "virtual is not", kernel(before="struct S { virtual void f() {} // here\n };")),
    "reinterpret": ("cast", "reinterpret_cast", kernel("auto p = reinterpret_cast<char*>(&x); (void)p; // here")),
    "double": ("float", "double is not for hardware", kernel("const double d = 1; (void)d; // here")),
    "float alias": ("float", "f is a floating-point", kernel(before="inline void g(float_t f); // here")),
    "float literal": ("float", "0.5 is a floating-point number", kernel("const unsigned h = 0.5 * beat; (void)h; // here")),
    "vector": ("container", "std::vector", kernel(before="using V = std::vector<int>; // here")),
    "function pointer": ("pointer", "g is a pointer to a function", kernel(before="inline int f(int (*g)(int)); // here")),
    "pointer to pointer": ("pointer", "g is a pointer to a pointer", kernel(before="inline int f(int** g); // here")),
    "static": ("static", "count keeps its value", kernel("static unsigned count = 0; ++count; // here")),
    "recursion": ("recursion", "f calls itself", kernel(before="inline int f(int n) { return n ? f(n - 1) : 0; } // here")),
    "mutual": (
        "recursion",
        "calls itself",
        kernel(
            before="inline int g(int);\n"
            "inline int f(int n) { return g(n); } // here\n"
            "inline int g(int n) { return f(n); } // here"
        ),
    ),
    "recursive template": (
        "recursion",
        "f calls itself",
        kernel(before="template <class T> T f(T n) { return n == 0 ? n : f(T(n - 1)); } // here"),
    ),
    "while": ("loop-bound", "no constant bound", kernel(after="while (true) { // here\n out.write(in.read()); }")),
    "label": ("label", "no label", kernel("for (unsigned i = 0; i < 4; ++i) { // here\n#pragma HLS unroll\n }")),
    "bound": (
        "loop-bound",
        "bound depends on beat",
        kernel("lanes:\n for (unsigned i = 0; i < beat; ++i) { // here\n#pragma HLS unroll\n }"),
    ),
    "bound of data": (
        "loop-bound",
        "bound depends on n",
        kernel(
            after="const unsigned n = in.read().lane[0].to_uint();\nrest:\n"
            "for (unsigned i = 0; i < n; ++i) { // here\n#pragma HLS pipeline II=1\n }"
        ),
    ),
    "endless": (
        "loop-bound",
        "its counter, its bound",
        kernel(after="rest:\n for (;;) { // here\n#pragma HLS pipeline II=1\n }"),
    ),
    "no pipeline": (
        "pipeline",
        "neither pipelined nor unrolled",
        kernel(after="rest:\n for (unsigned i = 0; i < 4; ++i) { // here\n out.write(in.read()); }"),
    ),
    "no pipeline around unrolled loops": (
        "pipeline",
        "neither pipelined nor unrolled",
        kernel(
            after="rest:\n for (unsigned i = 0; i < 4; ++i) { // here\n"
            "lanes:\n for (unsigned j = 0; j < 4; ++j) {\n#pragma HLS unroll\n }\n }"
        ),
    ),
    "late pipeline": (
        "pipeline",
        "does not stand first",
        kernel(after="rest:\n for (unsigned i = 0; i < 4; ++i) {\n in.read();\n#pragma HLS pipeline II=1 // here\n }"),
    ),
    "slow pipeline": (
        "pipeline",
        "does not say II=1",
        kernel(after="rest:\n for (unsigned i = 0; i < 4; ++i) {\n#pragma HLS pipeline II=2 // here\n }"),
    ),
    "pipelined function": ("pipeline", "stands in no loop", kernel(setup="#pragma HLS pipeline II=1 // here")),
    "no unroll": ("unroll", "no #pragma HLS unroll", kernel("lanes:\n for (unsigned i = 0; i < 4; ++i) { // here\n }")),
    "unknown variable": (
        "pragma-variable",
        "kernel has no variable tabel",
        kernel(setup="#pragma HLS array_partition variable=tabel type=complete // here"),
    ),
    "unknown directive": ("pragma", "pipelin is no directive", kernel(setup="#pragma HLS pipelin II=1 // here")),
    "unknown option": (
        "pragma",
        "has no option kind",
        kernel(setup="#pragma HLS array_partition variable=table kind=x // here"),
    ),
    "unknown value": (
        "pragma",
        "does not take type=whole",
        kernel(setup="#pragma HLS array_partition variable=table type=whole // here"),
    ),
    "unknown word": ("pragma", "the word maybe", kernel(setup="#pragma HLS dependence variable=table inter maybe // here")),
    "no variable": ("pragma", "names no variable", kernel(setup="#pragma HLS array_partition type=complete // here")),
    "no storage": ("pragma", "names no type", kernel(setup="#pragma HLS bind_storage variable=table impl=bram // here")),
    "no factor": ("pragma", "says no factor", kernel(setup="#pragma HLS array_reshape variable=table cyclic // here")),
    "no truth": ("pragma", "neither true nor", kernel(setup="#pragma HLS dependence variable=table inter // here")),
    "no distance": ("pragma", "no distance", kernel(setup="#pragma HLS dependence variable=table inter true // here")),
    "second variable": (
        "pragma-variable",
        "kernel has no variable other",
        kernel(setup="#pragma HLS array_partition variable=table,other complete // here"),
    ),
    "offset before mode": (
        "pragma",
        "its offset before it",
        kernel(setup="#pragma HLS interface offset=slave mode=m_axi port=in // here"),
    ),
    "rewind": (
        "pragma",
        "rewind with this style",
        kernel(after="rest:\n for (unsigned i = 0; i < 4; ++i) {\n#pragma HLS pipeline II=1 rewind style=flp // here\n }"),
    ),
    "misspelt": ("pragma", "no directive for HLS", kernel(setup="#pragma HSL unroll // here")),
    "outside": ("pragma", "outside of any function", kernel(before="#pragma HLS inline // here")),
    "array": (
        "array-ports",
        "can read table more than once",
        kernel()
        .replace("Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here")
        .replace("      out.write(x);", "      x.lane[0] = table[beat] + table[beat + 1];\n      out.write(x);"),
    ),
    "array of unrolled loop": (
        "array-ports",
        "can write table more than once",
        kernel("lanes:\n for (unsigned i = 0; i < Cfg::N; ++i) {\n#pragma HLS unroll\n table[i] = 0;\n }").replace(
            "Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here"
        ),
    ),
    "array in a function": (
        "array-ports",
        "can read table more than once",
        kernel(
            "x.lane[0] = two<Cfg>(table, beat);",
            before="template <class Cfg>\nap_uint<8> two(const ap_uint<8> (&from)[Cfg::N], unsigned at)"
            " { return from[at] + from[0]; }",
        ).replace("Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here"),
    ),
    "stream in a function": (
        "stream",
        "can write the stream out more than once",
        kernel("twice(out, x);", before="inline void twice(Stream<8, 4>& to, const Beat<8, 4>& x) { to.write(x); }").replace(
            "Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here"
        ),
    ),
    "stream": (
        "stream",
        "can read the stream in more than once",
        kernel("if (beat == 1) x = in.read();").replace("Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here"),
    ),
    "stream of unrolled loop": (
        "stream",
        "can write the stream out more than once",
        kernel("lanes:\n for (unsigned i = 0; i < 2; ++i) {\n#pragma HLS unroll\n out.write(x);\n }").replace(
            "Cfg::Beats; ++beat) {", "Cfg::Beats; ++beat) { // here"
        ),
    ),
    "unblocked": ("stream", "empty asks a stream", kernel("if (in.empty()) x.lane[0] = 0; // here")),
    "stream without depth": (
        "dataflow",
        "gives c a depth",
        region(
            "  share(frames, c, d);\n  drop(frames, d);\n",
            calls=CALLS.replace("b, out)", "b, out, c)"),
            streams=NO_STREAM + '  Stream<8, 4> d("d");\n#pragma HLS stream variable=d depth=4',
        ),
    ),
    "computation in dataflow": ("dataflow", "only declares streams", region("  unsigned n = frames; (void)n; // here")),
    "loop in dataflow": (
        "dataflow",
        "only declares streams",
        region("more: // here\n  for (unsigned i = 0; i < 2; ++i) {\n#pragma HLS unroll\n  }"),
    ),
    "condition in dataflow": ("dataflow", "only declares streams", region("  if (frames > 1) return; // here")),
    "read in dataflow": ("dataflow", "only declares streams", region("  (void)a.read(); // here")),
    "computed argument": (
        "dataflow",
        "step takes a value that is computed",
        region(calls=CALLS.replace("step(frames, in, a);", "step(frames + 1, in, a); // here")),
    ),
    "no reader": (
        "dataflow",
        "b has 1 writers and 0 readers",
        region(calls="  step(frames, in, a);\n  share(frames, a, b, out);\n", b=" // here"),
    ),
    "no writer": (
        "dataflow",
        "b has 0 writers and 1 readers",
        region("  drop(frames, b);\n", calls="  step(frames, in, a);\n  step(frames, a, out);\n", b=" // here"),
    ),
    "unused stream": (
        "dataflow",
        "b has 0 writers and 0 readers",
        region(calls="  step(frames, in, a);\n  step(frames, a, out);\n", b=" // here"),
    ),
    "two writers": (
        "dataflow",
        "a has 2 writers and 1 readers",
        region(calls="  share(frames, in, a, a);\n  step(frames, a, b);\n  step(frames, b, out);\n", a=" // here"),
    ),
    "two readers": ("dataflow", "a has 1 writers and 2 readers", region("  drop(frames, a);\n", a=" // here")),
    "two readers of a port": ("dataflow", "2 processes use in", region("  drop(frames, in);\n", port=" // here")),
    "backwards": (
        "dataflow",
        "a leads backwards",
        region(calls="  wrapped<3>(frames, a, b);\n  step(frames, in, a);\n  share(frames, b, out);\n", a=" // here"),
    ),
    "reads and writes": ("dataflow", "both both reads and writes a", region("  both(frames, a); // here\n")),
    "neither": ("dataflow", "idle neither reads nor writes a", region("  idle(frames, a); // here\n")),
    "no body": ("dataflow", "elsewhere has no body", region("  elsewhere(frames, a); // here\n")),
    "compiler": ("compiler", "undeclared identifier", kernel("y = 1; // here")),
}
