/* What an archiver says, and unpacking. */
#include "executor/archiver.h"

#include "base/fd.h"
#include "executor/archive_unpack.h"
#include "executor/git_tree.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 2048, PATIENCE_MS = 30000 };

/* A full socket is waited for: the worker takes what it is told, one after another. */
static int send_patiently(int sock, const struct msg *m, struct err *e)
{
	while (msg_send(sock, m, e) < 0) {
		struct pollfd p = { .fd = sock, .events = POLLOUT };
		if (e->code != EAGAIN)
			return -1;
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			return err_set(e, ETIMEDOUT, "the worker does not listen");
		err_clear(e);
	}
	return 0;
}

int archiver_say(int sock, enum say_style style, struct err *e, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;
	automsg m;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	msg_init(&m, ARCHIVER_LINE);
	msg_put_u32(&m, style);
	msg_put_str(&m, line);
	return send_patiently(sock, &m, e);
}

int archiver_found(int sock, uint64_t n, struct err *e)
{
	automsg m;
	msg_init(&m, ARCHIVER_FOUND);
	msg_put_u64(&m, n);
	return send_patiently(sock, &m, e);
}

int archiver_done(int sock, const struct archiver_result *r, struct err *e)
{
	automsg m;
	msg_init(&m, ARCHIVER_DONE);
	msg_put_u64(&m, r->files);
	msg_put_u64(&m, r->bytes);
	msg_put_u64(&m, r->size);
	return send_patiently(sock, &m, e);
}

struct code_row {
	int code;
	enum sources_fault fault;
};

static enum sources_fault fault_of(int code)
{
	static const struct code_row rows[] = {
		{ EPERM, SOURCES_HOSTILE },   { ELOOP, SOURCES_HOSTILE },
		{ ENOTDIR, SOURCES_HOSTILE }, { EFBIG, SOURCES_HOSTILE },
		{ EBADMSG, SOURCES_CORRUPT }, { EINVAL, SOURCES_CONFIG },
		{ E2BIG, SOURCES_CONFIG },    { EXDEV, SOURCES_CONFIG },
		{ EPIPE, SOURCES_CANCELLED }, { ENOMEM, SOURCES_INTERNAL },
		{ EPROTO, SOURCES_INTERNAL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == code)
			return rows[i].fault;
	return SOURCES_DISK;
}

int archiver_failed(int sock, const struct err *why, struct err *e)
{
	automsg m;
	msg_init(&m, ARCHIVER_FAILED);
	msg_put_u32(&m, fault_of(why->code));
	msg_put_str(&m, why->msg);
	return send_patiently(sock, &m, e);
}

static int unpack(const char *tree, int archive, struct archiver_result *ret, struct err *e)
{
	static const struct archive_limits limits = ARCHIVE_LIMITS;
	struct archive_unpacked u = { 0 };
	autofd dir = git_tree_open(tree, e);
	if (dir < 0 || archive_unpack(archive, dir, &limits, &u, e) < 0)
		return -1;
	*ret = (struct archiver_result){ .files = u.files, .bytes = u.bytes };
	return 0;
}

int archiver_unpack(int sock, const char *tree, int archive, struct err *e)
{
	struct archiver_result r = { 0 };
	struct err why = { 0 };
	if (unpack(tree, archive, &r, &why) < 0)
		return archiver_failed(sock, &why, e);
	return archiver_done(sock, &r, e);
}
