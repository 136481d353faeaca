include(GNUInstallDirs)

install(TARGETS streamsync RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Not CMAKE_INSTALL_DATADIR: the binary looks for it in ../share, seen from its own directory
# (sync/cli/options.cpp), so that an installation can be moved as a whole.
install(FILES ${PROJECT_SOURCE_DIR}/streams/keys/ubuntu-cloudimage-keyring.gpg
  DESTINATION share/streamsync)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

find_program(SCDOC scdoc)
if(SCDOC)
  set(man_directory ${PROJECT_BINARY_DIR}/man)
  file(MAKE_DIRECTORY ${man_directory})
  foreach(page IN ITEMS streamsync.1 streamsync.yaml.5)
    set(source ${PROJECT_SOURCE_DIR}/docs/man/${page}.scd)
    set(result ${man_directory}/${page})
    add_custom_command(OUTPUT ${result} DEPENDS ${source}
      COMMAND ${SCDOC} < ${source} > ${result} VERBATIM)
    list(APPEND man_pages ${result})
    cmake_path(GET page EXTENSION LAST_ONLY section)
    string(SUBSTRING ${section} 1 -1 section)
    install(FILES ${result} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endforeach()
  add_custom_target(man ALL DEPENDS ${man_pages})
endif()
