/** The environment of the golden files. */
export const goldenEnv: Readonly<Record<string, string>> = {
  EMPTY: '',
  ENCRYPTION_KEY: 'a1'.repeat(32),
  PEPPER: 'hunter2-is-the-sign-of-a-leak-0123456789',
  CONTROL: 'hunter2\nX-Injected: yes',
  ORDERS_URL: 'http://orders:8080/?hunter2',
};
