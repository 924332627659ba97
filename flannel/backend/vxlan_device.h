/*
 * One VXLAN device of ours, kept as it should be: created when it is missing, corrected in place
 * where the kernel allows that, recreated with the same MAC where it does not. Nothing is written
 * when all is well.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/ip.h"
#include "netlink/link.h"

struct err;
struct nldump;
struct nltx;

enum { VXLAN_PORT_DEFAULT = 8472 };

struct vxlan_device {
	/* Wanted */
	char name[IFNAMSIZ];
	struct nl_vxlan vxlan; /* port 0 = the kernel's default */
	uint32_t mtu;
	struct hwaddr mac;    /* for a new device; afterwards the one that must stay */
	bool mac_settled;     /* false: an existing device's MAC is taken over */
	struct ipnet address; /* /32 or /128; unset until the lease is known */
	struct ipnet network;
	/* Found */
	int ifindex; /* 0 = not there */
};

/* "flannel.1" or "flannel-v6.1"; -EINVAL when that is too long for the kernel. */
int vxlan_device_name(int family, uint32_t vni, char ret[IFNAMSIZ], struct err *e);

/*
 * An address of the device's family that it must not carry: any other IPv6 address than its own and the
 * link's, any IPv4 address inside the network, and one of a single host: a former lease's, when the
 * network was another one.
 */
bool vxlan_device_unwanted(const struct vxlan_device *d, const struct ipnet *a);

enum vxlan_verdict { VXLAN_SAME, VXLAN_ADJUST, VXLAN_RECREATE };

/*
 * Compares an existing link with the wanted device. For VXLAN_RECREATE, why gets "vni: 2 vs 1".
 * default_port is what the kernel gives a device without a port.
 */
enum vxlan_verdict vxlan_device_compare(const struct vxlan_device *d, const struct nl_link *have,
					uint16_t default_port, char *why, size_t n);

enum { VXLAN_CREATED = 1, VXLAN_CORRECTED = 2 };

/*
 * Returns 0 when nothing had to be done, VXLAN_CREATED when the device is a new one (nothing of
 * what was on it exists any more), VXLAN_CORRECTED when something was set right, or -errno.
 */
int vxlan_device_ensure(struct vxlan_device *d, struct nltx *t, struct nldump *dump, struct err *e);

/*
 * Removes devices that an agent with another VNI left behind: VXLAN devices with a name of the same
 * form that carry this node's own overlay address, which only one device may. Returns how many, or
 * -errno.
 */
int vxlan_device_remove_former(const struct vxlan_device *d, struct nltx *t, struct nldump *dump,
			       struct err *e);

/*
 * The MAC of a node's device when there is none to keep: the same after every reboot, different
 * for every machine, public address, cluster and VNI. Locally administered, unicast.
 */
int vxlan_mac_derive(const char *machine_id, const char *cluster, uint32_t vni,
		     const struct ipaddr *public_ip, struct hwaddr *ret);
