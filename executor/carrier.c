#include "executor/carrier.h"

#include "base/fd.h"

static void put_job(struct msg *m, const struct carrier_job *j)
{
	msg_put_str(m, j->url);
	msg_put_str(m, j->token);
	msg_put_u64(m, j->job);
	msg_put_u32(m, j->timeout_s);
}

static void get_job(struct msg *m, struct carrier_job *ret)
{
	ret->url = msg_get_str(m);
	ret->token = msg_get_str(m);
	ret->job = msg_get_u64(m);
	ret->timeout_s = msg_get_u32(m);
}

void carrier_put_upload(struct msg *m, const struct carrier_upload *u)
{
	msg_init(m, CARRIER_UPLOAD);
	put_job(m, &u->to);
	msg_put_str(m, u->type);
	msg_put_str(m, u->format);
	msg_put_str(m, u->expire_in);
	msg_put_str(m, u->filename);
	msg_put_fd(m, u->spool);
	msg_put_fd(m, u->pipe);
}

int carrier_get_upload(struct msg *m, struct carrier_upload *ret, struct err *e)
{
	struct carrier_upload u = { .spool = -1 };
	get_job(m, &u.to);
	u.type = msg_get_str(m);
	u.format = msg_get_str(m);
	u.expire_in = msg_get_str(m);
	u.filename = msg_get_str(m);
	autofd spool = msg_get_fd(m);
	autofd pipe = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	u.spool = fd_take(&spool);
	u.pipe = fd_take(&pipe);
	*ret = u;
	return 0;
}

void carrier_put_download(struct msg *m, const struct carrier_download *d)
{
	msg_init(m, CARRIER_DOWNLOAD);
	put_job(m, &d->from);
	msg_put_u32(m, d->direct);
	msg_put_u64(m, d->max_bytes);
	msg_put_fd(m, d->file);
}

int carrier_get_download(struct msg *m, struct carrier_download *ret, struct err *e)
{
	struct carrier_download d = { .file = -1 };
	get_job(m, &d.from);
	d.direct = msg_get_u32(m) != 0;
	d.max_bytes = msg_get_u64(m);
	autofd file = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	d.file = fd_take(&file);
	*ret = d;
	return 0;
}
