#include "executor/phase.h"

#include <string.h>

static const char *const names[PHASES] = {
	[PHASE_QUEUE] = "queue",     [PHASE_PREPARE] = "prepare", [PHASE_SECRETS] = "secrets",
	[PHASE_SOURCES] = "sources", [PHASE_STEPS] = "steps",     [PHASE_AFTER] = "after",
	[PHASE_UPLOAD] = "upload",   [PHASE_CLEANUP] = "cleanup",
};

const char *phase_name(enum phase p)
{
	return p < PHASES ? names[p] : "none";
}

enum phase phase_named(const char *name)
{
	enum phase p = PHASE_QUEUE;
	while (p < PHASES && strcmp(names[p], name) != 0)
		p++;
	return p;
}
