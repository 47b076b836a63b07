/** Odd primes up to 167: their product divides the primorial of every size of key that the flawed library made. */
const PRIMES: readonly bigint[] = [
  3n,
  5n,
  7n,
  11n,
  13n,
  17n,
  19n,
  23n,
  29n,
  31n,
  37n,
  41n,
  43n,
  47n,
  53n,
  59n,
  61n,
  67n,
  71n,
  73n,
  79n,
  83n,
  89n,
  97n,
  101n,
  103n,
  107n,
  109n,
  113n,
  127n,
  131n,
  137n,
  139n,
  149n,
  151n,
  157n,
  163n,
  167n,
];

const GENERATOR = 65_537n;

/** Per prime, every remainder that a power of the generator can have. */
const SUBGROUPS: readonly (readonly [prime: bigint, remainders: ReadonlySet<bigint>])[] = PRIMES.map(
  (prime) => [prime, powersOfGenerator(prime)],
);

function powersOfGenerator(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>();
  for (let power = 1n; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return powers;
}

/**
 * True for RSA moduli of the form that can be factored (ROCA, CVE-2017-15361): both primes, and so their product, are powers of
 * 65537 modulo each small prime. A sound key has that form by chance about once in 2^27.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return SUBGROUPS.every(([prime, remainders]) => remainders.has(modulus % prime));
}
