#include "protocol/forge.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
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
	int n = snprintf(r->header[r->nheaders], FORGE_HEADER_MAX, "%s: %s", name, value);
	if (n < 0 || n >= FORGE_HEADER_MAX)
		return err_set(e, E2BIG, "%s: too long", name);
	r->nheaders++;
	return 0;
}

void forge_request_done(struct forge_request *r)
{
	buf_wipe(&r->url);
	buf_wipe(&r->body);
	explicit_bzero(r->header, sizeof r->header);
	r->nheaders = 0;
}
