// Calls every operation of the Snowball at AWS_ENDPOINT_URL_SNOWBALL, its paginators, and an error of each.
// A line of JSON for each: {"operation": ..., "how": "answer" | "error" | "pages", "got": ...}.
import * as sdk from "@aws-sdk/client-snowball";

const endpoint = process.env.AWS_ENDPOINT_URL_SNOWBALL;
const control = (path, body) =>
  fetch(`${endpoint}/_snowball/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body)
  });
const client = new sdk.SnowballClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  maxAttempts: 1
});
const say = (operation, how, got) => process.stdout.write(`${JSON.stringify({ operation, how, got })}\n`);

async function call(operation, input = {}) {
  const answer = await client.send(new sdk[`${operation}Command`](input));
  const { $metadata, ...members } = answer;
  say(operation, "answer", { status: $metadata.httpStatusCode, requestId: Boolean($metadata.requestId), members });
  return members;
}

async function answers() {
  const { AddressId } = await call("CreateAddress", { Address: { Street1: "1 Main St", Country: "US" } });
  await call("DescribeAddress", { AddressId });
  await call("DescribeAddresses");
  await call("ListPickupLocations");
  await call("ListCompatibleImages");
  await call("ListServiceVersions", { ServiceName: "KUBERNETES" });
  const { LongTermPricingId } = await call("CreateLongTermPricing", { LongTermPricingType: "OneYear", SnowballType: "EDGE" });
  await call("UpdateLongTermPricing", { LongTermPricingId, IsLongTermPricingAutoRenew: true });
  await call("ListLongTermPricing");
  const order = { AddressId, ShippingOption: "EXPRESS", SnowballType: "EDGE" };
  const { ClusterId } = await call("CreateCluster", { JobType: "LOCAL_USE", InitialClusterSize: 3, ...order });
  await call("UpdateCluster", { ClusterId, Description: "doomed" });
  await call("ListClusterJobs", { ClusterId });
  await call("CancelCluster", { ClusterId });
  await call("DescribeCluster", { ClusterId });
  await call("ListClusters");
  const { JobId: lost } = await call("CreateJob", { JobType: "IMPORT", ...order });
  await call("CancelJob", { JobId: lost });
  const { JobId } = await call("CreateJob", { JobType: "IMPORT", ...order });
  await call("UpdateJob", { JobId, Description: "changed" });
  await control("clock", { jump: "6d" });
  await call("GetSnowballUsage");
  await call("DescribeJob", { JobId });
  await call("UpdateJobShipmentState", { JobId, ShipmentState: "RECEIVED" });
  await call("GetJobManifest", { JobId });
  await call("GetJobUnlockCode", { JobId });
  await call("GetSoftwareUpdates", { JobId });
  await call("CreateReturnShippingLabel", { JobId });
  await control("clock", { jump: "1h" });
  await call("DescribeReturnShippingLabel", { JobId });
  await call("ListJobs");
  return ClusterId;
}

// Operations, each with a request that fails.
const ERRORS = JSON.parse(process.env.REQUESTS_THAT_FAIL);

async function errors() {
  for (const [operation, input] of Object.entries(ERRORS)) {
    try {
      await client.send(new sdk[`${operation}Command`](input));
      say(operation, "error", { name: null });
    } catch (error) {
      // An error that the SDK knows has a class of its own.
      const isModelled = sdk[error.name] !== undefined && error instanceof sdk[error.name];
      say(operation, "error", { name: error.name, isModelled, status: error.$metadata?.httpStatusCode, message: error.message });
    }
  }
}

async function pages(ClusterId) {
  const members = {
    DescribeAddresses: "Addresses",
    ListClusterJobs: "JobListEntries",
    ListClusters: "ClusterListEntries",
    ListCompatibleImages: "CompatibleImages",
    ListJobs: "JobListEntries",
    ListLongTermPricing: "LongTermPricingEntries"
  };
  for (const [operation, member] of Object.entries(members)) {
    const counts = [];
    const input = operation === "ListClusterJobs" ? { ClusterId } : {};
    for await (const page of sdk[`paginate${operation}`]({ client, pageSize: 2 }, input)) counts.push(page[member].length);
    say(operation, "pages", { counts });
  }
}

const cluster = await answers();
await errors();
await pages(cluster);
