// No SDK: a few lines that sign as Tencent's SDK for Java does, for where that cannot be had. The scope's service is
// the endpoint's first label, the content type has a charset, a query stands in no order.

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class JavaHabits {
    static final String ENDPOINT = System.getenv("GUESTEXEC_TAT_ENDPOINT").replace("http://", "");
    static final String ID = System.getenv("TENCENTCLOUD_SECRET_ID");
    static final String KEY = System.getenv("TENCENTCLOUD_SECRET_KEY");
    static final String REGION = System.getenv("TENCENTCLOUD_REGION");
    static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    static byte[] mac(String algorithm, byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(key, algorithm));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte one : bytes) text.append(String.format("%02x", one));
        return text.toString();
    }

    static String hash(String text) throws Exception {
        return hex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    static String form(Map<String, String> parameters) {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> one : parameters.entrySet()) {
            if (text.length() > 0) text.append('&');
            text.append(one.getKey()).append('=').append(URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8));
        }
        return text.toString();
    }

    static String sent(HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new AssertionError(answer.statusCode() + " " + answer.body());
        return answer.body();
    }

    /** TC3-HMAC-SHA256; a body makes it a POST. */
    static String call(String action, String query, String body, String key) throws Exception {
        String method = body.isEmpty() ? "GET" : "POST";
        String type = body.isEmpty() ? "application/x-www-form-urlencoded" : "application/json; charset=utf-8";
        long now = Instant.now().getEpochSecond();
        String date = Instant.ofEpochSecond(now).toString().substring(0, 10);
        String service = ENDPOINT.split("\\.")[0];
        String scope = date + "/" + service + "/tc3_request";
        String canonical = method + "\n/\n" + query + "\ncontent-type:" + type + "\nhost:" + ENDPOINT
            + "\n\ncontent-type;host\n" + hash(body);
        String text = "TC3-HMAC-SHA256\n" + now + "\n" + scope + "\n" + hash(canonical);
        byte[] secret = mac("HmacSHA256", ("TC3" + key).getBytes(StandardCharsets.UTF_8), date);
        secret = mac("HmacSHA256", mac("HmacSHA256", secret, service), "tc3_request");
        String authorization = "TC3-HMAC-SHA256 Credential=" + ID + "/" + scope
            + ", SignedHeaders=content-type;host, Signature=" + hex(mac("HmacSHA256", secret, text));
        HttpRequest.Builder request = HttpRequest
            .newBuilder(URI.create("http://" + ENDPOINT + "/" + (query.isEmpty() ? "" : "?" + query)))
            .header("Content-Type", type).header("Authorization", authorization).header("X-TC-Action", action)
            .header("X-TC-Timestamp", "" + now).header("X-TC-Version", "2020-10-28").header("X-TC-Region", REGION);
        HttpRequest.BodyPublisher content = HttpRequest.BodyPublishers.ofString(body);
        return sent(body.isEmpty() ? request.GET() : request.POST(content));
    }

    /** The signature before TC3. */
    static String older(String action, String method, String algorithm) throws Exception {
        Map<String, String> parameters = new HashMap<>();
        parameters.put("Action", action);
        parameters.put("Nonce", "42");
        parameters.put("Region", REGION);
        parameters.put("SecretId", ID);
        parameters.put("SignatureMethod", algorithm);
        parameters.put("Timestamp", "" + Instant.now().getEpochSecond());
        parameters.put("Version", "2020-10-28");
        parameters.put("Filters.0.Name", "environment");
        parameters.put("Filters.0.Values.0", "Linux");
        StringBuilder text = new StringBuilder(method + ENDPOINT + "/");
        char separator = '?';
        for (Map.Entry<String, String> one : new TreeMap<>(parameters).entrySet()) {
            text.append(separator).append(one.getKey()).append('=').append(one.getValue());
            separator = '&';
        }
        byte[] signature = mac(algorithm, KEY.getBytes(StandardCharsets.UTF_8), text.toString());
        parameters.put("Signature", Base64.getEncoder().encodeToString(signature));
        String form = form(parameters);
        if (method.equals("GET")) {
            return sent(HttpRequest.newBuilder(URI.create("http://" + ENDPOINT + "/?" + form)).GET());
        }
        return sent(HttpRequest.newBuilder(URI.create("http://" + ENDPOINT + "/"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(form)));
    }

    static void holds(String answer, String text) {
        if (!answer.contains(text)) throw new AssertionError("no " + text + " in " + answer);
    }

    public static void main(String[] arguments) throws Exception {
        String script = Base64.getEncoder().encodeToString("echo 世界".getBytes(StandardCharsets.UTF_8));
        String instance = System.getenv("GUESTEXEC_TAT_INSTANCE_ID");
        String body = "{\"Content\":\"" + script + "\",\"InstanceIds\":[\"" + instance + "\"],\"Timeout\":60}";
        holds(call("RunCommand", "", body, KEY), "InvocationId");
        Map<String, String> parameters = new HashMap<>();
        parameters.put("Content", script);
        parameters.put("InstanceIds.0", instance);
        parameters.put("EnableParameter", "false");
        holds(call("RunCommand", form(parameters), "", KEY), "InvocationId");
        holds(call("DescribeRegions", "", "{}", "x"), "AuthFailure.SignatureFailure");
        for (String method : new String[] { "GET", "POST" }) {
            for (String algorithm : new String[] { "HmacSHA1", "HmacSHA256" }) {
                holds(older("DescribeAutomationAgentStatus", method, algorithm), instance);
            }
        }
        System.out.println("POST, GET, HmacSHA1, HmacSHA256, a wrong key");
    }
}
