/** The names by which rules redirect to sinks. */
export const SINKS = ['dns', 'smtp', 'http', 'ntp'] as const;

export type SinkName = (typeof SINKS)[number];

/** What each of them speaks. */
export const SPEAKS: Readonly<Record<SinkName, { readonly tcp: boolean; readonly udp: boolean }>> = {
  dns: { tcp: true, udp: true },
  smtp: { tcp: true, udp: false },
  http: { tcp: true, udp: false },
  ntp: { tcp: false, udp: true },
};
