import { readFileSync } from 'node:fs';

/** Files that a process needs for other things: upstream connections, libraries, logs. */
const RESERVED = 1000;

/** `Max open files  1024  20000  files` in the text of /proc/<pid>/limits: the hard limit. */
export function parseFileLimit(limits: string): number {
  const hard = /^Max open files\s+\d+\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  if (hard === undefined) throw new Error('no limit of open files in /proc/self/limits');
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** `32768\t60999` in ip_local_port_range: how many connections one address can have to one port. */
export function parsePortRange(text: string): number {
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  return last - first + 1;
}

/** As many idle connections as were asked for, or as one process may have here. */
export function possibleConnections(wanted: number, fileLimit: number, ports: number): number {
  return Math.max(0, Math.min(wanted, fileLimit - RESERVED, ports - RESERVED));
}

export function connectionsHere(wanted: number): number {
  return possibleConnections(
    wanted,
    parseFileLimit(readFileSync('/proc/self/limits', 'latin1')),
    parsePortRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')),
  );
}
