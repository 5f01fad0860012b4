# One table of the experiments for `lcr` and for make: id, program, title, and whether it has a figure. The ids and titles
# are those of experiments/*.cpp, the figures those of plots/specs/.

# Reads `.NAME = "VALUE"` of an experiment's source into `result`.
function(lcr_read_experiment_field source field result)
  file(STRINGS ${source} lines REGEX "\\.${field} = \"[^\"]*\"")
  list(LENGTH lines count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "${source}: expected one line with .${field} = \"...\" (docs/add-an-experiment.md)")
  endif()
  string(REGEX REPLACE ".*\\.${field} = \"([^\"]*)\".*" "\\1" value "${lines}")
  set(${result} "${value}" PARENT_SCOPE)
endfunction()

# Adds the experiment of the program `name` to the table, and a target experiment-ID that builds it.
function(lcr_add_to_experiment_table name source)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  lcr_read_experiment_field(${source} id id)
  lcr_read_experiment_field(${source} title title)
  add_custom_target(experiment-${id} DEPENDS ${name})
  set(has_figure false)
  set(spec ${CMAKE_SOURCE_DIR}/plots/specs/${id}.json)
  if(EXISTS ${spec})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${spec})
    file(READ ${spec} text)
    string(JSON kind ERROR_VARIABLE no_figure GET "${text}" figure kind)
    if(NOT no_figure)
      set(has_figure true)
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY LCR_EXPERIMENT_TABLE
               "      {\"${id}\", \"${name}\", \"${title}\", ${has_figure}},")
endfunction()

# Writes the table as the source file `output`, in the order of the ids.
function(lcr_write_experiment_table output)
  get_property(rows GLOBAL PROPERTY LCR_EXPERIMENT_TABLE)
  list(SORT rows)
  list(JOIN rows "\n" rows)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
#include "tools/commands.h"

namespace lcr {

const std::vector<ExperimentProgram>& experiment_programs() {
  static const std::vector<ExperimentProgram> programs = {
@rows@
  };
  return programs;
}

}  // namespace lcr
]])
endfunction()
