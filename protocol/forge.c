#include "protocol/forge.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __aarch64__
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "amd64"
#endif

const char *forge_user_agent(void)
{
	return "courser/" VERSION " (linux/" ARCHITECTURE ")";
}

int forge_request_header(struct forge_request *r, const char *name, const char *value,
			 struct err *e)
{
	if (!str_is_printable(value, strlen(value)))
		return err_set(e, EINVAL, "%s: control bytes", name);
	if (r->nheaders == FORGE_HEADERS)
		return err_set(e, E2BIG, "%s: too many headers", name);
	if (strlen(name) + strlen(value) + sizeof ": " > FORGE_HEADER_MAX)
		return err_set(e, E2BIG, "%s: too long", name);
	char *line;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		return err_set(e, ENOMEM, "out of memory");
	r->header[r->nheaders++] = line;
	return 0;
}

void forge_request_done(struct forge_request *r)
{
	buf_wipe(&r->url);
	buf_wipe(&r->body);
	while (r->nheaders) {
		char *line = r->header[--r->nheaders];
		explicit_bzero(line, strlen(line));
		free(line);
	}
}
