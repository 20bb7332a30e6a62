# SPDX-License-Identifier: Apache-2.0
# Written by headrace. In this folder: vitis_hls -f run_hls.tcl   (Vitis HLS 2022.2 to 2024.2; later versions: hls_config.cfg)
# Not run by headrace: it has no Vitis HLS. `vitis_hls -f run_hls.tcl -tclargs cosim` also simulates the RTL that comes out.
# In Vivado: set_property ip_repo_paths ABOVE_THIS_FOLDER [current_project]; update_ip_catalog;
# create_ip -vendor headrace -library hls -name conv_2_ip -module_name conv_2_ip_0
open_project -reset vitis_conv_2_ip
set_top conv_2_ip
foreach source {stage_0.cpp network.cpp top.cpp} {
  add_files $source -cflags "-std=c++17 -I."
}
add_files -tb testbench.cpp -cflags "-std=c++17 -I."
add_files -tb data
open_solution -reset -flow_target vivado pynq_z2
set_part xc7z020clg400-1
create_clock -period 10 -name default
csim_design
csynth_design
if {[lsearch $argv cosim] >= 0} {
  cosim_design
}
export_design -format ip_catalog -vendor headrace -library hls -version 1.0 -description {conv_2 of small}
exit
