#include "executor/gate.h"

void gate_put_sandbox(struct msg *m, const struct gate_sandbox *s)
{
	msg_put_str(m, s->project_dir);
	msg_put_str(m, s->origin);
	msg_put_u64(m, s->project_id);
	msg_put_u32(m, s->protected_ref);
	msg_put_u32(m, s->kept);
}

void gate_get_sandbox(struct msg *m, struct gate_sandbox *ret)
{
	ret->project_dir = msg_get_str(m);
	ret->origin = msg_get_str(m);
	ret->project_id = msg_get_u64(m);
	ret->protected_ref = msg_get_u32(m);
	ret->kept = msg_get_u32(m);
}
