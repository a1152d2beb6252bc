/* The programs of tests/inside. argv is what follows the program's name. */
#ifndef TESTS_INSIDE_H
#define TESTS_INSIDE_H

#include <stdbool.h>

/* Whether this is the machine's own user namespace, in which root is root. */
bool inside_is_host(void);

/* What the kernel gives and what it refuses (probe.c). */
int inside_probe(int argc, char **argv);

/* Random system calls for a while (fuzz.c). */
int inside_fuzz(int argc, char **argv);

/* The first process of a virtual machine, and what the kernel starts there on a core dump (vm.c). */
int inside_vm(int argc, char **argv);
int inside_core(int argc, char **argv);

#endif
