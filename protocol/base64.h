/* Standard base64 (RFC 4648, with its padding). */
#ifndef PROTOCOL_BASE64_H
#define PROTOCOL_BASE64_H

#include "base/buf.h"

/* text[0..n) decoded, appended to ret. -1 with e set: it is none, or too long for ret. */
int base64_decode(const char *text, size_t n, struct buf *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
