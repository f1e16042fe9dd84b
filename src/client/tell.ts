/** Calls the app. A callback that throws is the app's error, thrown where the app sees it, and none of the client's. */
export function tell<Value>(callback: ((value: Value) => void) | undefined, value: Value): void {
  queueMicrotask(() => callback?.(value));
}
