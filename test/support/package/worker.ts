/** The round trip inside a Worker, once for each request. */
import { roundTrip, type Trip } from "./round-trip.ts";

export default {
  async fetch(_request: Request, trip: Trip): Promise<Response> {
    return Response.json(await roundTrip(trip));
  },
};
