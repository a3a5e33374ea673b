# studio_room(NAME ROOMS ... LIBRARIES ...): one static library per room of src/,
# from every .cpp in the room and its backends/. A new file needs no line here.
set(STUDIO_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)

function(studio_compile_options target)
  target_compile_options(${target} PRIVATE ${STUDIO_WARNINGS})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:include/animation-studio>)
  if(STUDIO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${STUDIO_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
    if(STUDIO_SANITIZE MATCHES undefined)
      # A finding fails the test. The four left out are checked at each member access, which triples the
      # time to compile (chat_test.cpp: 6.6 s with, 19 s without this line); address finds most of theirs.
      target_compile_options(${target} PRIVATE -fno-sanitize-recover=all -fno-sanitize=null,alignment,object-size,vptr)
    endif()
    target_link_options(${target} PUBLIC -fsanitize=${STUDIO_SANITIZE})
  endif()
endfunction()

# Installed, the room is AnimationStudio::<name>.
function(studio_install_room target name)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT AnimationStudio ARCHIVE DESTINATION lib/animation-studio)
endfunction()

function(studio_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp ${PROJECT_SOURCE_DIR}/src/${name}/backends/*.cpp)
  set(target studio_${name})
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
      $<INSTALL_INTERFACE:include/animation-studio>)
    foreach(room ${ROOM_ROOMS})
      target_link_libraries(${target} INTERFACE studio_${room})
    endforeach()
    studio_install_room(${target} ${name})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  studio_compile_options(${target})
  foreach(room ${ROOM_ROOMS})
    target_link_libraries(${target} PUBLIC studio_${room})
  endforeach()
  target_link_libraries(${target} PRIVATE ${ROOM_LIBRARIES})
  # Headers of these two are part of our public ones (forward declarations and formatting).
  target_link_libraries(${target} PUBLIC nlohmann_json::nlohmann_json fmt::fmt)
  target_compile_features(${target} PUBLIC cxx_std_23)
  studio_install_room(${target} ${name})
endfunction()

# studio_test(NAME ROOMS ... [SERIAL]): tests/<name>/*.cpp as one program, each TEST its own ctest case
# with the label NAME; SERIAL ones run alone.
function(studio_test name)
  cmake_parse_arguments(TEST "SERIAL" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  set(target test_${name})
  add_executable(${target} ${sources})
  studio_compile_options(${target})
  if(NOT STUDIO_SANITIZE)
    target_compile_options(${target} PRIVATE -O1)  # tests are compiled more often than run
  endif()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(room ${TEST_ROOMS})
    target_link_libraries(${target} PRIVATE studio_${room})
  endforeach()
  target_link_libraries(${target} PRIVATE test_support ${TEST_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE STUDIO_SOURCE_DIR="${PROJECT_SOURCE_DIR}" STUDIO_PROGRAM="$<TARGET_FILE:studio>")
  # Only these run the program; the others must not wait for every room to be built.
  if(name MATCHES "^(cli|studio|install)$")
    add_dependencies(${target} studio)
  endif()
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${name} TIMEOUT 600 RUN_SERIAL ${TEST_SERIAL})
endfunction()
