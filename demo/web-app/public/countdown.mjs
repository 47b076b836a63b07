/** Whole seconds are rounded down: only then has the end come for certain. */
const ROUNDED_MS = 1000;

/** Shows the seconds until an end, which is told as seconds from now: the clocks of browser and gateway need not agree. */
export function startCountdown(seconds, show, atEnd) {
  const end = performance.now() + seconds * 1000;
  function tick() {
    const left = end - performance.now();
    show(Math.max(0, Math.ceil(left / 1000)));
    if (left > -ROUNDED_MS) return;
    clearInterval(timer);
    atEnd();
  }
  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}

/** `1:02:03`, or `2:03` below an hour. */
export function clockTime(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const parts = hours > 0 ? [hours, String(minutes).padStart(2, '0')] : [minutes];
  return [...parts, String(seconds % 60).padStart(2, '0')].join(':');
}
