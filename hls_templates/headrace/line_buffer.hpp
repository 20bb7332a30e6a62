// SPDX-License-Identifier: Apache-2.0
// When a line buffer takes pixels and when it has those that a window needs: the schedule of `window` and `deform`.
#pragma once

#include "headrace/counter.hpp"
#include "headrace/numbers.hpp"

namespace headrace {

/// The two sides of a ring of row slots. The input's side writes pixels in raster order: at an even pace while there are
/// windows to give, at once while there are none, always while there is room. The output's side goes over output pixels in
/// raster order, each as soon as the last pixel that its window can reach has arrived, and frees rows behind the last output
/// row that can reach them. Rows of the next frame follow in the ring while those of this one are still read. None of that
/// depends on data.
///
/// A `Shape` has
///   InH, InW, Beats                  the map that comes in, and channel beats of a pixel;
///   RepeatH, RepeatW                 rows and columns, powers of two, that each of its pixels stands for in the map of windows;
///   Skip, Used                       input rows that are dropped first, and that are kept then; the rest is dropped, too;
///   Rows                             row slots; kept rows go round in them;
///   Pixels                           0, or pixels that have room in their place; `Left` is then the first column that the
///                                    window of output pixel (0, 0) can reach, and no row is dropped;
///   WindowBeats                      output beats of a window;
///   OutH, OutW, StrideH, StrideW     output pixels and what lies between their windows;
///   Top, End, EndX                   first and last row, and last column, of the map of windows that the window of output
///                                    pixel (0, 0) can reach, counted from the kept ones (negative: padding).
template <class Shape>
class LineBuffer {
  // By which a row and a column of the map of windows are those of the input.
  static constexpr unsigned kRowShift = shift_of(Shape::RepeatH), kColShift = shift_of(Shape::RepeatW);

  static constexpr int kRows = Shape::Rows, kUsed = Shape::Used;
  static constexpr int kReach = Shape::End - Shape::Top + 1;
  static constexpr int kSpan = kReach == 1 ? 1 : (kReach - 2) / int(Shape::RepeatH) + 2;
  static_assert(kRows >= (kSpan < kUsed ? kSpan : kUsed), "the rows of a window must have room");
  static constexpr int kPixels = Shape::Pixels, kRoom = kPixels ? kPixels : kRows;

  // Slots are counted from the row at the window's top, or where the ring is shorter, from the frame's first.
  static constexpr bool kFromTop = kSpan <= kRows;
  static constexpr int kTop = Shape::Top >> kRowShift;
  static constexpr int kLastTop = (Shape::Top + int((Shape::OutH - 1) * Shape::StrideH)) >> kRowShift;
  static constexpr int kFrameStep = modulo(kUsed + (kFromTop ? kTop - kLastTop : 0), kRows);

  // Input beats of a frame, and the cycles that a frame takes.
  static constexpr unsigned kTaken = Shape::InH * Shape::InW * Shape::Beats;
  static constexpr unsigned kGiven = Shape::OutH * Shape::OutW * Shape::WindowBeats;
  static constexpr unsigned kSlots = kTaken > kGiven ? kTaken : kGiven;
  using Owed = ap_uint<index_bits(kSlots + 1) + 4>;  // in units of 1 / kSlots of a beat

 public:
  /// More iterations than a frame can take: each takes a beat, or gives one, or lets the one before become visible.
  static constexpr unsigned long long kMostSteps = 3ull * (kTaken + kGiven);

  explicit LineBuffer(unsigned frames) : frames_in_(frames), frames_out_(frames) {
#pragma HLS inline
    look_ahead();
  }

  bool busy() const {
#pragma HLS inline
    return frames_in_ != 0 || frames_out_ != 0;
  }

  // ---- the input's side
  /// Whether an input beat is taken. A kernel that waits for its input gives no window either; so while there are windows to
  /// give, input is taken at the even pace at which frames follow each other, not as far ahead as there is room.
  bool writes() const {
#pragma HLS inline
    return frames_in_ != 0 && (!keeps() || room_ != Room(0)) && (owed_ >= kDue || !reads());
  }
  /// Whether it is of a row that some window reads.
  bool keeps() const {
#pragma HLS inline
    return row_.at() >= int(Shape::Skip) && row_.at() < int(Shape::Skip) + kUsed;
  }
  int in_beat() const { return beat_.at(); }
  int in_col() const { return col_.at(); }
  int in_slot() const { return slot_.at(); }

  // ---- the output's side
  /// Whether all that the present window can reach was written, two cycles ago or earlier.
  bool reads() const {
#pragma HLS inline
    return frames_out_ != 0 && (lead_ > need_row_ || (lead_ == need_row_ && seen_.at() > need_col_.to_int()));
  }
  int out_row() const { return out_y_.at(); }
  int out_col() const { return out_x_.at(); }
  /// Slot of a kept input row in reach of the present window.
  int slot_of(int row) const {
#pragma HLS inline
    const int from = kFromTop ? (out_y_.at() * int(Shape::StrideH) + Shape::Top) >> kRowShift : 0;
    return in_ring(base_.to_int() + row - from);
  }

  /// Ends a cycle: a beat was written, the last beat of a window was read.
  void step(bool wrote, bool window_done) {
#pragma HLS inline
    int lead = lead_.to_int(), room = room_.to_int();
    if (window_done) {
      const bool frame_done = out_x_.last() && out_y_.last();
      if constexpr (kPixels > 0) {
        const int x = out_x_.last() ? 0 : out_x_.at() + 1, y = out_y_.at() + (out_x_.last() ? 1 : 0);
        const int next = frame_done ? int(Shape::InH * Shape::InW) : first_pixel(y, x);
        room += next - first_pixel(out_y_.at(), out_x_.at());
      }
      if (out_x_.last()) {
        const int top = out_y_.at() * int(Shape::StrideH) + Shape::Top;
        const int first = top >> kRowShift, first_next = (top + int(Shape::StrideH)) >> kRowShift;
        const int gone = out_y_.at() == 0 ? 0 : clamped(first, 0, kUsed);
        const int gone_next = frame_done ? kUsed : clamped(first_next, 0, kUsed);
        if (kPixels == 0) room += gone_next - gone;
        base_ = in_ring(base_.to_int() + (frame_done ? kFrameStep : kFromTop ? row_step(first_next - first) : 0));
      }
      if (frame_done) {
        lead -= kUsed;
        --frames_out_;
      }
      if (out_x_.step()) out_y_.step();
      look_ahead();
    }
    // What has no room at its time stays owed, and comes when there is room.
    const Owed paid = wrote && owed_ >= kDue ? Owed(owed_ - kDue) : Owed(owed_ + Owed(kTaken));
    owed_ = paid < kMostOwed ? paid : kMostOwed;
    // What is written now is seen from the cycle after the next one on.
    if (fresh_ && seen_.step()) ++lead;
    fresh_ = wrote && keeps() && beat_.last();
    if (wrote && beat_.step()) {
      if (kPixels > 0) --room;
      if (col_.step()) {
        if (keeps()) {
          if (kPixels == 0) --room;
          slot_.step();
        }
        if (row_.step()) --frames_in_;
      }
    }
    lead_ = lead;
    room_ = room;
  }

 private:
  using Lead = ap_int<signed_bits(kUsed + kRows + 1)>;
  using Room = ap_uint<index_bits(kPixels ? kPixels + Shape::InH * Shape::InW + 2 : kUsed + kRows + 2)>;

  /// The first pixel of a frame that the window of an output pixel, or a later one, can reach.
  static int first_pixel(int out_y, int out_x) {
#pragma HLS inline
    if constexpr (kPixels > 0) {
      const int top = out_y * int(Shape::StrideH) + Shape::Top, left = out_x * int(Shape::StrideW) + Shape::Left;
      return top < 0 ? 0 : top * int(Shape::InW) + (left < 0 ? 0 : left);
    } else {
      return 0;
    }
  }

  /// Describes the next window, so that its needs are registers when it is its turn.
  void look_ahead() {
#pragma HLS inline
    need_row_ = clamped((next_y_.at() * int(Shape::StrideH) + Shape::End) >> kRowShift, 0, kUsed - 1);
    need_col_ = clamped((next_x_.at() * int(Shape::StrideW) + Shape::EndX) >> kColShift, 0, int(Shape::InW) - 1);
    if (next_x_.step()) next_y_.step();
  }

  /// Slots to the row so many further, of the two numbers that a stride can come to.
  static int row_step(int further) {
#pragma HLS inline
    constexpr int least = Shape::StrideH >> kRowShift;
    return further == least ? modulo(least, kRows) : modulo(least + 1, kRows);
  }

  static int in_ring(int slot) {
#pragma HLS inline
    return slot >= kRows ? slot - kRows : slot;
  }

  unsigned frames_in_, frames_out_;  // still to come and still to leave
  // Place of the next input beat.
  Counter<Shape::Beats> beat_;
  Counter<Shape::InW> col_;
  Counter<Shape::InH> row_;
  Counter<Shape::Rows> slot_;
  const Owed kDue = kSlots - kTaken, kMostOwed = 8 * kSlots;
  Owed owed_ = 0;
  bool fresh_ = false;        // a kept pixel was completed in the cycle before
  Room room_ = kRoom;         // free slots or pixels, the one being written included
  Lead lead_ = 0;             // kept rows seen, counted from the first one of the frame that leaves
  Counter<Shape::InW> seen_;  // pixels of the row behind them
  // The present window, and the one after it.
  Counter<Shape::OutW> out_x_, next_x_;
  Counter<Shape::OutH> out_y_, next_y_;
  ap_uint<index_bits(kRows)> base_ = kFromTop ? modulo(kTop, kRows) : 0;
  Lead need_row_ = 0;  // the last pixel that the present window can reach
  ap_uint<index_bits(Shape::InW)> need_col_ = 0;
};

}  // namespace headrace
