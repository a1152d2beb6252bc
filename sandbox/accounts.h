/* Who a user is in an image: what its /etc/passwd and /etc/group say. Pure; both texts are hostile. */
#ifndef SANDBOX_ACCOUNTS_H
#define SANDBOX_ACCOUNTS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { ACCOUNT_GROUPS = 32, ACCOUNT_HOME = 256, ACCOUNT_FILE_MAX = 1 << 20 };

struct account {
	uint32_t uid, gid;
	uint32_t groups[ACCOUNT_GROUPS]; /* further ones: none when a group was named */
	size_t ngroups;
	char home[ACCOUNT_HOME]; /* "/" where nothing says another */
};

/*
 * user: "name" or "id", perhaps ":group" or ":id"; "" is root. A number needs no entry; a name does: -1
 * (ENOENT) says which one is missing. passwd, group: the files' texts, "" when there is none.
 */
int account_find(const char *user, const char *passwd, const char *group, struct account *ret,
		 struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
