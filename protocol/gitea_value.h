/* Values as protobuf's JSON writes them. */
#ifndef PROTOCOL_GITEA_VALUE_H
#define PROTOCOL_GITEA_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* An int64: a string, a number, within a Struct a double. 0 for anything else, and below 0. */
uint64_t gitea_int64(const json_t *v);

/* Does a task's context speak of a pull request whose head is another repository than its base, or of which that
 * cannot be told. */
bool gitea_is_from_fork(const json_t *context);

#endif
