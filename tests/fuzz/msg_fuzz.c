/*
 * A message of any bytes, read with any sequence of fields. The first byte is how many fields are
 * read, the next ones are their kinds, the rest is the message as it lies in the socket. Where
 * msg_end is content, writing the same fields gives the same bytes.
 */
#include "base/fd.h"
#include "base/msg.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void copy_u32(struct msg *from, struct msg *to)
{
	msg_put_u32(to, msg_get_u32(from));
}

static void copy_u64(struct msg *from, struct msg *to)
{
	msg_put_u64(to, msg_get_u64(from));
}

static void copy_bytes(struct msg *from, struct msg *to)
{
	size_t n;
	const void *p = msg_get_bytes(from, &n);
	msg_put_bytes(to, p, n);
}

static void copy_str(struct msg *from, struct msg *to)
{
	msg_put_str(to, msg_get_str(from));
}

static void (*const copy[])(struct msg *, struct msg *) = { copy_u32, copy_u64, copy_bytes,
							    copy_str };

static void read_as(struct msg *m, const uint8_t *kinds, size_t nkinds)
{
	struct err e = { 0 };
	automsg again;
	msg_init(&again, m->type);
	for (size_t i = 0; i < nkinds; i++)
		copy[kinds[i] % (sizeof copy / sizeof *copy)](m, &again);
	if (msg_end(m, &e) < 0)
		return;
	if (again.bad || again.body.len != m->body.len ||
	    (m->body.len && memcmp(again.body.p, m->body.p, m->body.len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	int sv[2];
	if (n < 1 || n < 1u + data[0] || msg_pair(sv, &e) < 0)
		return 0;
	autofd ours = sv[0], theirs = sv[1];
	const uint8_t *body = data + 1 + data[0];
	if (send(theirs, body, n - 1 - data[0], MSG_DONTWAIT) < 0)
		return 0;
	automsg m;
	int r = msg_recv(ours, &m, &e);
	if (r < 0 && e.msg[0] == '\0')
		abort();
	if (r == 1)
		read_as(&m, data + 1, data[0]);
	return 0;
}
