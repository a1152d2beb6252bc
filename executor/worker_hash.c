/* hashFiles(): by an archiver, which sees the workspace as the job does. */
#include "executor/worker_hash.h"

#include "base/fd.h"
#include "executor/worker_roles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int ask(struct worker *w, int sock, const struct expr_patterns *p, struct err *e)
{
	automsg m;
	msg_init(&m, ARCHIVER_HASH);
	msg_put_str(&m, w->project_dir);
	msg_put_u32(&m, p->follow_links);
	msg_put_u32(&m, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++)
		msg_put_str(&m, p->texts[i]);
	return msg_send(sock, &m, e);
}

static int answer(struct worker *w, int sock, char ret[DIGEST_HEX], struct err *e)
{
	automsg m;
	if (worker_hear(w, sock, "archiver", &m, e) < 0)
		return -1;
	if (m.type == ARCHIVER_FAILED)
		(void)msg_get_u32(&m);
	const char *text = msg_get_str(&m);
	if (msg_end(&m, e) < 0)
		return -1;
	if (m.type == ARCHIVER_FAILED)
		return err_set(e, EINVAL, "%s", text);
	if (m.type != ARCHIVER_HASHED || strlen(text) >= DIGEST_HEX)
		return err_set(e, EPROTO, "archiver: message %u", m.type);
	snprintf(ret, DIGEST_HEX, "%s", text);
	return 0;
}

int worker_hash(void *worker, const struct expr_patterns *p, char ret[DIGEST_HEX], struct err *e)
{
	struct worker *w = worker;
	autoroles roles = WORKER_ROLES;
	int sock = worker_archiver(w, &roles, e);
	if (sock < 0 || ask(w, sock, p, e) < 0)
		return -1;
	return answer(w, sock, ret, e);
}
