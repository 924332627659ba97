#include "ignition/needs_net.h"
#include "base/buf.h"
#include "ignition/config/config.h"
#include "ignition/fetch/fetch.h"
#include <string.h>

static const char *resource(const struct ign_resource *r)
{
	return r->source && fetch_needs_net(r->source) ? r->source : NULL;
}

static const char *resources(const struct ign_resource *v, size_t n)
{
	const char *s = NULL;

	for (size_t i = 0; i < n && !s; i++)
		s = resource(&v[i]);
	return s;
}

static const char *files(const struct ign_storage *st)
{
	const char *s = NULL;

	for (size_t i = 0; i < st->files.n && !s; i++) {
		const struct ign_file *f = &st->files.v[i];

		s = resource(&f->contents);
		if (!s)
			s = resources(f->append.v, f->append.n);
	}
	return s;
}

static const char *luks(const struct ign_storage *st)
{
	for (size_t i = 0; i < st->luks.n; i++) {
		const struct ign_luks *l = &st->luks.v[i];
		const char *s = resource(&l->key_file);

		if (s)
			return s;
		for (size_t k = 0; k < l->clevis.tang.n; k++)
			if (!l->clevis.tang.v[k].advertisement || !*l->clevis.tang.v[k].advertisement)
				return "a tang server";
		if (l->clevis.custom.needs_network.set && l->clevis.custom.needs_network.v)
			return "a clevis pin";
	}
	return NULL;
}

const char *config_needs_net(const struct ign_config *c)
{
	const struct ign_ignition *ign = &c->ignition;
	const char *s = resource(&ign->config.replace);

	if (!s)
		s = resources(ign->config.merge.v, ign->config.merge.n);
	if (!s)
		s = resources(ign->security.tls.certificate_authorities.v,
			      ign->security.tls.certificate_authorities.n);
	if (!s)
		s = files(&c->storage);
	return s ? s : luks(&c->storage);
}

const char *config_needs_net_shown(const struct ign_config *c, struct buf *out)
{
	const char *s = config_needs_net(c);

	if (!s || !strchr(s, ':'))
		return s;
	return fetch_redact(s, out) == 0 ? buf_str(out) : "a source";
}
