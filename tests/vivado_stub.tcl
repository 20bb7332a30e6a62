# SPDX-License-Identifier: Apache-2.0
# Stands for Vivado: runs a script, takes only commands, options, properties and objects that it knows, and writes down what it
# is told, a line of tab-separated words for each fact. Its knowledge of IP comes from Python (library.py).
#
#     tclsh stub.tcl LIBRARY SCRIPT RECORD [ARGUMENT...]

namespace eval ipx {}
set argv [lassign $argv library_file script_file record_file]
source $library_file  ;# cells, packaged, roms, slack
set recorded {}
set commands {set_property}
set project {}
set files {}      ;# of the open project
set top {}
set core {}
set repositories {}
set catalog {}    ;# VLNV that may be created
set cells {}      ;# name -> {vlnv properties}
set validated 0
set severities {}
set design {}     ;# stage of the netlist in memory

proc note {args} {
  lappend ::recorded [join $args \t]
}

proc refuse {text} {
  error "ERROR: \[Stub 1-1\] $text"
}

# Defines a command: its options without and with a value, how many further arguments it takes, and what it does with
# `opt` (a dictionary) and `pos` (a list).
proc command {name flags valued least most body} {
  lappend ::commands $name
  proc $name {args} [string map [list @NAME $name @FLAGS $flags @VALUED $valued @LEAST $least @MOST $most @BODY $body] {
    lassign [parse @NAME {@FLAGS} {@VALUED} @LEAST @MOST $args] opt pos
    @BODY
  }]
}

proc parse {name flags valued least most arguments} {
  set opt {}
  set pos {}
  for {set k 0} {$k < [llength $arguments]} {incr k} {
    set word [lindex $arguments $k]
    if {$word in $flags} {
      dict set opt $word 1
    } elseif {$word in $valued} {
      if {[incr k] >= [llength $arguments]} {refuse "$name $word has no value"}
      dict set opt $word [lindex $arguments $k]
    } elseif {[regexp {^-[a-z_]+$} $word]} {
      refuse "$name has no option $word"
    } else {
      lappend pos $word
    }
  }
  if {[llength $pos] < $least || [llength $pos] > $most} {
    refuse "$name takes $least to $most arguments, not [llength $pos]"
  }
  return [list $opt $pos]
}

# The name in an object of one of these kinds.
proc name_of {kinds object} {
  if {![regexp {^([a-z]+):(.+)$} $object -> kind name] || $kind ni $kinds} {
    refuse "'$object' is no [join $kinds { or }]"
  }
  return $name
}

proc need {opt args} {
  foreach option $args {
    if {![dict exists $opt $option]} {refuse "$option is missing"}
  }
}

proc need_project {} {
  if {$::project eq {}} {refuse "no project is open"}
}

# ---- projects and files

command set_msg_config {} {-id -new_severity} 0 0 {
  dict set ::severities [dict get $opt -id] [dict get $opt -new_severity]
}
command create_project {-force} {-part} 2 2 {
  if {$::project ne {}} {refuse "project $::project is still open"}
  need $opt -part
  set ::project [lindex $pos 0]
  set ::files {}
  set ::top {}
  set ::directory [lindex $pos 1]
  note project $::project [dict get $opt -part]
  file mkdir $::directory
}
command close_project {} {} 0 0 {
  need_project
  set ::project {}
  set ::design {}
}
command current_project {} {} 0 0 {need_project; return project:$::project}
command current_fileset {} {} 0 0 {need_project; return fileset:sources_1}
command add_files {-norecurse} {-fileset} 1 1 {
  need_project
  foreach path [lindex $pos 0] {
    if {![file isfile $path]} {refuse "no file $path"}
    if {[file pathtype $path] ne "absolute"} {refuse "$path: depends on the current folder"}
    lappend ::files $path
    note file $::project $path
  }
  return file:$path
}
command get_files {} {} 1 1 {
  need_project
  foreach path $::files {
    if {[file tail $path] eq [lindex $pos 0]} {return file:$path}
  }
  refuse "project $::project has no file [lindex $pos 0]"
}
command update_compile_order {} {-fileset} 0 0 {need_project; need $opt -fileset}
command update_ip_catalog {} {} 0 0 {
  foreach repository $::repositories {
    if {![file isfile [file join $repository component.xml]]} {refuse "$repository holds no IP"}
    lappend ::catalog $::saved
  }
}

# ---- properties

set known {
  project {target_language ip_repo_paths}
  fileset {top}
  file {file_type synth_checkpoint_mode}
  core {name version display_name}
  block {range}
  register {address_offset size access description}
  field {bit_offset bit_width access description}
}
proc set_property {args} {
  if {[lindex $args 0] eq "-dict"} {
    if {[llength $args] != 3} {refuse "set_property -dict takes a list and an object"}
    lassign $args - pairs object
  } else {
    if {[llength $args] != 3} {refuse "set_property takes a name, a value and an object"}
    set pairs [lrange $args 0 1]
    set object [lindex $args 2]
  }
  if {[llength $pairs] % 2} {refuse "a property of $object has no value"}
  foreach {name value} $pairs {
    set_one $name $value $object
  }
}
proc set_one {name value object} {
  if {![regexp {^([a-z]+):(.+)$} $object -> kind own]} {refuse "'$object' is no object"}
  if {$kind eq "cell"} {
    set_config $name $value $own
    return
  }
  if {![dict exists $::known $kind] || $name ni [dict get $::known $kind]} {refuse "$kind has no property $name"}
  if {$name eq "access" && $value ni {read-only read-write write-only}} {refuse "no access '$value'"}
  if {$name eq "top"} {set ::top $value}
  if {$name eq "ip_repo_paths"} {set ::repositories $value}
  if {$kind eq "core"} {dict set ::core $name $value}
  note property $kind $own $name $value
}
proc set_config {name value cell} {
  set config [dict get $::cells $cell]
  set vlnv [dict get $config vlnv]
  if {![regexp {^CONFIG\.(\w+)$} $name -> parameter]} {refuse "$cell has no property $name"}
  set allowed [dict get $::library $vlnv parameters]
  if {![dict exists $allowed $parameter]} {refuse "$vlnv has no parameter $parameter"}
  if {![regexp "^([dict get $allowed $parameter])\$" $value]} {refuse "$vlnv does not take $parameter = '$value'"}
  dict set ::cells $cell config $parameter $value
  note config $cell $parameter $value
}
command get_property {} {} 2 2 {
  lassign $pos name object
  switch -exact -- "[lindex [split $object :] 0] $name" {
    "seg PATH" {return /[name_of seg $object]}
    "param value" {return [name_of param $object]}
    "timing SLACK" {return [name_of timing $object]}
    default {refuse "'$object' has no property $name"}
  }
}

# ---- the IP packager

command ipx::package_project {-import_files} {-root_dir -vendor -library -taxonomy} 0 0 {
  need_project
  need $opt -root_dir -vendor -library
  if {$::top ne [dict get $::packaged top]} {refuse "the top is $::top"}
  set ::core [dict create vendor [dict get $opt -vendor] library [dict get $opt -library] name $::top version 1.0]
  set ::root [dict get $opt -root_dir]
}
command ipx::current_core {} {} 0 0 {
  if {$::core eq {}} {refuse "no core is open"}
  return core:open
}
command ipx::get_bus_interfaces {} {-of_objects} 1 1 {
  name_of core [dict get $opt -of_objects]
  if {![dict exists $::packaged interfaces [lindex $pos 0]]} {return {}}
  return bus:[lindex $pos 0]
}
command ipx::get_bus_parameters {} {-of_objects} 1 1 {
  set bus [name_of bus [dict get $opt -of_objects]]
  set parameters [dict get $::packaged interfaces $bus]
  if {![dict exists $parameters [lindex $pos 0]]} {refuse "$bus has no parameter [lindex $pos 0]"}
  return param:[dict get $parameters [lindex $pos 0]]
}
command ipx::get_memory_maps {} {-of_objects} 1 1 {
  name_of core [dict get $opt -of_objects]
  if {[lindex $pos 0] ne "s_axi"} {refuse "no memory map [lindex $pos 0]"}
  return map:s_axi
}
command ipx::get_address_blocks {} {-of_objects} 1 1 {
  name_of map [dict get $opt -of_objects]
  if {[lindex $pos 0] ne "reg0"} {refuse "no address block [lindex $pos 0]"}
  return block:reg0
}
command ipx::add_register {} {} 2 2 {
  name_of block [lindex $pos 1]
  return register:[lindex $pos 0]
}
command ipx::add_field {} {} 2 2 {
  return field:[name_of register [lindex $pos 1]]/[lindex $pos 0]
}
command ipx::create_xgui_files {} {} 1 1 {name_of core [lindex $pos 0]}
command ipx::update_checksums {} {} 1 1 {name_of core [lindex $pos 0]}
command ipx::save_core {} {} 1 1 {
  name_of core [lindex $pos 0]
  file mkdir $::root
  close [open [file join $::root component.xml] w]
  dict with ::core {set ::saved $vendor:$library:$name:$version}
  note packaged $::saved
}

# ---- block designs

command create_bd_design {} {} 1 1 {
  need_project
  set ::bd [lindex $pos 0]
  lappend ::files [file join $::directory $::bd.bd]
}
command create_bd_cell {} {-type -vlnv} 1 1 {
  need $opt -type -vlnv
  if {[dict get $opt -type] ne "ip"} {refuse "cells of type [dict get $opt -type] are not expected"}
  set vlnv [dict get $opt -vlnv]
  set known [expr {$vlnv in $::catalog || [string match xilinx.com:* $vlnv]}]
  if {!$known || ![dict exists $::library $vlnv]} {refuse "no IP $vlnv"}
  set name [lindex $pos 0]
  if {[dict exists $::cells $name]} {refuse "a second cell $name"}
  dict set ::cells $name [dict create vlnv $vlnv config [dict get $::library $vlnv defaults]]
  note cell $name $vlnv
  return cell:$name
}
# Whether something of a cell is there, as it is configured; conditions are parameters with their least values.
proc present {cell conditions} {
  foreach {parameter least} $conditions {
    if {[dict get $::cells $cell config $parameter] < $least} {return 0}
  }
  return 1
}
# Pins and buses are objects if they are there; Vivado warns and gives nothing if not.
proc find {kind table path} {
  lassign [split $path /] cell name
  if {![dict exists $::cells $cell]} {refuse "no cell $cell"}
  set has [dict get $::library [dict get $::cells $cell vlnv] $table]
  if {![dict exists $has $name]} {return {}}
  lassign [dict get $has $name] mode conditions
  if {![present $cell $conditions]} {return {}}
  return $kind:$path
}
command get_bd_cells {} {} 1 1 {
  if {![dict exists $::cells [lindex $pos 0]]} {refuse "no cell [lindex $pos 0]"}
  return cell:[lindex $pos 0]
}
command get_bd_pins {} {} 1 1 {return [find pin pins [lindex $pos 0]]}
command get_bd_intf_pins {} {} 1 1 {return [find intf buses [lindex $pos 0]]}
command connect_bd_net {} {-net} 2 99 {
  foreach pin $pos {
    note net [dict get $opt -net] [name_of pin $pin]
  }
}
command connect_bd_intf_net {} {} 2 2 {
  note bus [name_of intf [lindex $pos 0]] [name_of intf [lindex $pos 1]]
}
command make_bd_intf_pins_external {} {-name} 1 1 {
  note external [dict get $opt -name] [name_of intf [lindex $pos 0]]
}
proc spaces {path table} {
  set found {}
  dict for {cell entry} $::cells {
    dict for {name conditions} [dict get $::library [dict get $entry vlnv] $table] {
      if {[string match $path $cell/$name] && [present $cell $conditions]} {lappend found $cell/$name}
    }
  }
  return $found
}
command get_bd_addr_spaces {} {} 1 1 {
  return [lmap path [spaces [lindex $pos 0] spaces] {string cat space: $path}]
}
command get_bd_addr_segs {} {} 1 1 {
  return [lmap path [spaces [lindex $pos 0] segments] {string cat seg: $path}]
}
command assign_bd_address {} {-offset -range -target_address_space} 1 1 {
  need $opt -target_address_space
  set place {- -}
  if {[dict exists $opt -offset]} {set place [list [dict get $opt -offset] [dict get $opt -range]]}
  note address [name_of space [dict get $opt -target_address_space]] [name_of seg [lindex $pos 0]] {*}$place
}
command exclude_bd_addr_seg {} {-target_address_space} 1 1 {
  note excluded [name_of space [dict get $opt -target_address_space]] [name_of seg [lindex $pos 0]]
}
command validate_bd_design {} {} 0 0 {set ::validated 1}
command save_bd_design {} {} 0 0 {}
command generate_target {} {} 2 2 {
  name_of file [lindex $pos 1]
  if {!$::validated} {refuse "the design was not validated"}
  set folder [file join $::directory $::project.gen sources_1 bd $::bd hw_handoff]
  file mkdir $folder
  close [open [file join $folder $::bd.hwh] w]
}
command make_wrapper {-top} {-files} 0 0 {
  name_of file [dict get $opt -files]
  set path [file join $::directory ${::bd}_wrapper.v]
  close [open $path w]
  return $path
}

# ---- synthesis and what follows

command synth_design {} {-top -part -mode} 0 0 {
  need_project
  need $opt -top -part
  if {[dict get $opt -top] ne $::top} {refuse "the project's top is $::top"}
  if {"$::top.v" ni [lmap path $::files {file tail $path}]} {refuse "no file holds $::top"}
  foreach rom $::roms {
    if {![file isfile $rom]} {refuse "synthesis finds no $rom in [pwd]"}
  }
  if {![dict exists $::severities {Synth 8-4445}]} {refuse "missing memory files would be no error"}
  set ::design synthesized
  note synthesis [dict get $opt -top] [dict get $opt -part]
}
foreach {stage before after} {
  opt_design synthesized optimised place_design optimised placed phys_opt_design placed placed route_design placed routed
} {
  command $stage {} {} 0 0 [string map [list @BEFORE $before @AFTER $after] {
    if {$::design ne "@BEFORE"} {refuse "the design is '$::design', not @BEFORE"}
    set ::design @AFTER
  }]
}
proc write_to {path text} {
  set file [open $path w]
  puts -nonewline $file $text
  close $file
  note written [file tail $path]
}
command write_checkpoint {-force} {} 1 1 {write_to [lindex $pos 0] $::design}
command open_checkpoint {} {} 1 1 {
  if {$::project ne {}} {refuse "project $::project is still open"}
  set file [open [lindex $pos 0]]
  set ::design [read $file]
  close $file
  set ::project checkpoint
}
command report_utilization {-hierarchical} {-file} 0 0 {
  if {$::design eq {}} {refuse "no design is open"}
  write_to [dict get $opt -file] [expr {[dict exists $opt -hierarchical] ? $::hierarchy : $::utilization}]
}
command report_timing_summary {} {-delay_type -max_paths -file} 0 0 {
  if {$::design eq {}} {refuse "no design is open"}
  write_to [dict get $opt -file] $::timing
}
command get_timing_paths {} {-delay_type -max_paths} 0 0 {
  if {$::design ne "routed"} {refuse "the design is '$::design', not routed"}
  return timing:[dict get $::slack [dict get $opt -delay_type]]
}
command write_bitstream {-force} {} 1 1 {
  if {$::design ne "routed"} {refuse "the design is '$::design', not routed"}
  write_to [lindex $pos 0] bits
}

# The script runs in an interpreter of its own, so that nothing is shared but these commands.
interp create script
script eval {namespace eval ipx {}; set auto_noexec 1}
foreach name $commands {
  script alias $name $name
}
script eval [list set argv $argv]
script eval [list set argc [llength $argv]]
set failed [catch {script eval [list source $script_file]} message]
set file [open $record_file w]
puts $file [join $recorded \n]
close $file
if {$failed} {
  puts stderr $message
  exit 1
}
