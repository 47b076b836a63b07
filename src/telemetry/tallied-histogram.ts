import { Histogram, type HistogramConfiguration } from 'prom-client';

/** Counts the durations of one combination of labels. */
export interface Tally {
  readonly count: number;
  /** Seconds. */
  observe(seconds: number): void;
}

interface Child extends Tally {
  readonly labels: Readonly<Record<string, string>>;
  readonly sum: number;
  /** By bucket; what is over the last bound is only in `count`. */
  readonly buckets: readonly number[];
}

/**
 * A histogram whose children count in plain numbers: prom-client checks and hashes the labels of each observation, which
 * cost more than the rest of a request's metrics together. What is exposed is the same.
 */
export class TalliedHistogram extends Histogram {
  /** Never observes: it only says what a histogram of this configuration is called and how it adds up. */
  readonly #description: Histogram;
  readonly #bounds: readonly number[];
  readonly #children: Child[] = [];

  constructor(configuration: HistogramConfiguration<string> & { readonly buckets: number[] }) {
    super(configuration);
    this.#description = new Histogram({ ...configuration, registers: [] });
    this.#bounds = configuration.buckets;
  }

  /** A new child; one per combination of labels, which the caller keeps. */
  tally(labels: Readonly<Record<string, string>>): Tally {
    const child = createChild(labels, this.#bounds);
    this.#children.push(child);
    return child;
  }

  children(): readonly Child[] {
    return this.#children;
  }

  /** What the registry asks for, though the types leave it out. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }

  override async get(): ReturnType<Histogram['get']> {
    const description = await this.#description.get();
    const { name } = description;
    const values = this.#children.flatMap((child) => {
      let total = 0;
      const metricName = `${name}_bucket`;
      const buckets = this.#bounds.map((bound, index) => {
        total += child.buckets[index] ?? 0;
        return { metricName, labels: { le: bound, ...child.labels }, value: total };
      });
      return [
        ...buckets,
        { metricName, labels: { le: '+Inf', ...child.labels }, value: child.count },
        { metricName: `${name}_sum`, labels: child.labels, value: child.sum },
        { metricName: `${name}_count`, labels: child.labels, value: child.count },
      ];
    });
    return { ...description, values };
  }
}

function createChild(labels: Readonly<Record<string, string>>, bounds: readonly number[]): Child {
  const buckets = bounds.map(() => 0);
  let count = 0;
  let sum = 0;
  return {
    labels,
    buckets,
    get count() {
      return count;
    },
    get sum() {
      return sum;
    },
    observe(seconds) {
      count += 1;
      sum += seconds;
      let bucket = 0;
      while (seconds > (bounds[bucket] ?? Infinity)) bucket += 1;
      if (bucket < buckets.length) buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    },
  };
}
