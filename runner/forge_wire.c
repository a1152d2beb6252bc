#include "runner/forge_wire.h"

#include <string.h>

static const struct forge_wire *const forges[] = { &forge_wire_gitlab, &forge_wire_gitea,
						   &forge_wire_forgejo, NULL };

const struct forge_wire *forge_wire_find(const char *name)
{
	for (size_t i = 0; forges[i]; i++)
		if (!*name || strcmp(forges[i]->name, name) == 0)
			return forges[i];
	return NULL;
}
