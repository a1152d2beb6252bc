/* An image's passwd and group, and the user its configuration names: found or not, with words. The input is
 * user, passwd and group, a NUL between them. */
#include "sandbox/accounts.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(4 << 20);
	struct err e = { 0 };
	struct account got;
	const char *parts[3] = { "", "", "" };
	char *text = arena_strndup(&a, (const char *)data, n, &e);
	char *end = text ? text + n : NULL;
	for (size_t i = 0; text && i < 3 && text < end; i++) {
		parts[i] = text;
		text += strlen(text) + 1;
	}
	if (account_find(parts[0], parts[1], parts[2], &got, &e) < 0) {
		if (e.msg[0] == '\0')
			abort();
	} else if (got.ngroups > ACCOUNT_GROUPS || got.home[0] != '/' ||
		   strpbrk(got.home, "\r\n") || got.uid > INT32_MAX || got.gid > INT32_MAX) {
		abort();
	}
	arena_done(&a);
	return 0;
}
