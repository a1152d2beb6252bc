/* The messages between worker and keeper, field by field. */
#include "executor/secrets.h"

#include "base/fd.h"

#include <stddef.h>

static const size_t read_fields[] = {
	offsetof(struct secrets_read, name),      offsetof(struct secrets_read, provider),
	offsetof(struct secrets_read, url),       offsetof(struct secrets_read, space),
	offsetof(struct secrets_read, auth_name), offsetof(struct secrets_read, auth_path),
	offsetof(struct secrets_read, jwt),       offsetof(struct secrets_read, role),
	offsetof(struct secrets_read, engine),    offsetof(struct secrets_read, mount),
	offsetof(struct secrets_read, path),      offsetof(struct secrets_read, field),
};

void secrets_put_read(struct msg *m, const struct secrets_read *r)
{
	for (size_t i = 0; i < sizeof read_fields / sizeof *read_fields; i++)
		msg_put_str(m,
			    *(const char *const *)(const void *)((const char *)r + read_fields[i]));
}

void secrets_get_read(struct msg *m, struct secrets_read *ret)
{
	for (size_t i = 0; i < sizeof read_fields / sizeof *read_fields; i++)
		*(const char **)(void *)((char *)ret + read_fields[i]) = msg_get_str(m);
}

int secrets_put_bytes(struct msg *m, const void *p, size_t n, int *ret_fd, struct err *e)
{
	*ret_fd = -1;
	if (n > SECRETS_INLINE_MAX) {
		*ret_fd = fd_sealed("secret", p, n, e);
		if (*ret_fd < 0)
			return -1;
	}
	msg_put_bytes(m, p, *ret_fd < 0 ? n : 0);
	msg_put_u32(m, *ret_fd < 0 ? 0 : 1);
	if (*ret_fd >= 0)
		msg_put_fd(m, *ret_fd);
	return 0;
}

int secrets_get_bytes(struct msg *m, struct secret *ret, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf whole = BUF(SECRETS_VALUE_MAX);
	size_t n;
	const void *p = msg_get_bytes(m, &n);
	autofd fd = msg_get_u32(m) ? msg_get_fd(m) : -1;
	if (msg_end(m, e) < 0)
		return -1;
	if (fd < 0)
		return secret_set(ret, p, n, e);
	if (buf_reserve(&whole, SECRETS_VALUE_MAX, e) < 0 || fd_read_all(fd, &whole, e) < 0)
		return -1;
	return secret_set(ret, buf_cstr(&whole), whole.len, e);
}
