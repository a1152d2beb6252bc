/* Static programs that tests run inside a sandbox or a virtual machine: `inside NAME [argument ...]`. */
#include "tests/inside/inside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} programs[] = {
	{ "probe", inside_probe },
	{ "fuzz", inside_fuzz },
#ifdef INSIDE_VM
	{ "core", inside_core },
	{ "vm", inside_vm },
#endif
};

int main(int argc, char **argv)
{
#ifdef INSIDE_VM
	if (getpid() == 1 && argc == 1)
		return inside_vm(0, argv);
#endif
	for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof *programs; i++)
		if (strcmp(programs[i].name, argv[1]) == 0)
			return programs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: inside probe|fuzz|vm [argument ...]\n");
	return 64;
}
