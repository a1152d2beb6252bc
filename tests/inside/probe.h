/* What probe.c asks the kernel for: tables of small questions. */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

enum probe_flag {
	PROBE_ROOT = 1, /* as the host's root it changes nothing beyond its own mount namespace */
};

/* run: below 0 with errno set when it was refused. */
struct probe {
	const char *name;
	int (*run)(void);
	unsigned flags;
};

/* Each ended by a row without a name; the list by NULL. */
extern const struct probe probe_files[], probe_sockets[];
extern const struct probe *const probe_tables[];

/* The process that is attacked: init of the sandbox, elsewhere a child of ours. */
extern int probe_victim;

#endif
